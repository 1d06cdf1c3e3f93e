"""Two kinds of sentences, lexicon counts, three hidden layers of 100 (the pythonprogramming.net deep net)."""
import glob
import os
import random
import re
import sys
from collections import Counter

import numpy as np
import torch
import torch.nn as nn

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
random.seed(6)
np.random.seed(6)
torch.manual_seed(6)
LIB = os.path.dirname(os.__file__)


def sentences(packages):
    """comment and string lines of some packages, at least four words each"""
    found = []
    for p in packages:
        for path in sorted(glob.glob(os.path.join(LIB, p, "*.py"))):
            for line in open(path, encoding="utf8", errors="ignore"):
                line = line.strip()
                if line.startswith("#") or re.match(r"^[A-Z][a-z]+ [a-z]+ ", line):
                    words = re.findall(r"[a-z]{2,}", line.lower())
                    if len(words) >= 4:
                        found.append(words)
    random.shuffle(found)
    return found


side_a = sentences(["asyncio", "concurrent/futures", "multiprocessing", "logging", "unittest"])
side_b = sentences(["email", "http", "urllib", "xml/dom", "xml/sax", "xml/etree", "json", "html", "wsgiref"])
n = min(len(side_a), len(side_b))
count = Counter(w for s in side_a[:n] + side_b[:n] for w in s)
lexicon = {w: i for i, w in enumerate(sorted(w for w, c in count.items() if 5 < c < 1500))}


def featurize(part, label):
    x = np.zeros((len(part), len(lexicon)), np.float32)
    for i, s in enumerate(part):
        for w in s:
            if w in lexicon:
                x[i, lexicon[w]] += 1
    return x, np.full(len(part), label)


xa, ya = featurize(side_a[:n], 0)
xb, yb = featurize(side_b[:n], 1)
X, Y = np.concatenate([xa, xb]), np.concatenate([ya, yb])
perm = np.random.permutation(len(X))
cut = int(0.9 * len(X))
train_x, train_y = torch.tensor(X[perm[:cut]]), torch.tensor(Y[perm[:cut]])
test_x, test_y = torch.tensor(X[perm[cut:]]), torch.tensor(Y[perm[cut:]])
print(len(train_x), "sentences,", len(lexicon), "words")

keep, l2 = (0.0, 0.0) if form == "faulty" else (0.6, 0.04)


class DeepNet(nn.Module):
    def __init__(self, n_in, nodes=100):
        super().__init__()
        self.drop = nn.Dropout(keep)
        self.hl1, self.hl2, self.hl3 = nn.Linear(n_in, nodes), nn.Linear(nodes, nodes), nn.Linear(nodes, nodes)
        self.output_layer = nn.Linear(nodes, 2)

    def forward(self, data):
        l1 = self.drop(torch.relu(self.hl1(self.drop(data))))
        l2 = self.drop(torch.relu(self.hl2(l1)))
        return self.output_layer(self.drop(torch.relu(self.hl3(l2))))


net = DeepNet(len(lexicon))
cost = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(net.parameters(), lr=0.001, weight_decay=l2)
writer = DiagWriter(logdir)
writer.watch(net, optimizer, cost)
hm_epochs, batch_size = 30, 100

for epoch in range(1, hm_epochs + 1):
    net.train()
    epoch_loss = 0
    shuffled = torch.randperm(len(train_x))
    for i in range(0, len(train_x), batch_size):
        b = shuffled[i:i + batch_size]
        c = cost(net(train_x[b]), train_y[b])
        optimizer.zero_grad()
        c.backward()
        optimizer.step()
        epoch_loss += c.item()
    with writer.evaluating("val"):
        out = net(test_x)
        test_cost = cost(out, test_y).item()
        accuracy = (out.argmax(1) == test_y).float().mean().item()
    if epoch % 5 == 0:
        print("Epoch", epoch, "completed out of", hm_epochs, "loss:", round(epoch_loss, 3), "test", round(test_cost, 4), round(accuracy, 4))

writer.close()
net.eval()
with torch.no_grad():
    train_acc = (net(train_x).argmax(1) == train_y).float().mean().item()
print(f"RESULT test_cost {test_cost:.4f} test_accuracy {accuracy:.4f} train_accuracy {train_acc:.4f}")
