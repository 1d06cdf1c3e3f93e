# skip-gram with negative sampling in PyTorch, corpus = docstrings and comments of the standard library
import sys, re, os, collections
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
np.random.seed(1)
lib = os.path.dirname(os.__file__)
words = []
for f in sorted(os.listdir(lib)):
    if f.endswith(".py"):
        text = open(os.path.join(lib, f), encoding="utf8", errors="ignore").read()
        for d in re.findall(r'"""(.*?)"""', text, re.S):
            words += re.findall(r"[a-z]{2,}", d.lower())
words = words[:120000]
count = collections.Counter(words)
vocab = [w for w, c in count.most_common(1200)]
w2i = {w: i for i, w in enumerate(vocab)}
ids = np.array([w2i[w] for w in words if w in w2i])
freq = np.array([count[w] for w in vocab], float)
keep = np.random.rand(len(ids)) < np.sqrt(1e-3 * freq.sum() / freq[ids])
ids = ids[keep]
pairs = np.concatenate([np.stack([ids[:-k], ids[k:]], 1) for k in (1, 2, 3)])
np.random.shuffle(pairs)
noise = torch.tensor(freq ** 0.75 / (freq ** 0.75).sum(), dtype=torch.float32)
train_pairs, val_pairs = torch.tensor(pairs[:-12000]), torch.tensor(pairs[-12000:])
print(len(ids), "tokens", len(train_pairs), "pairs")


class SkipGramModel(nn.Module):
    def __init__(self, n, d):
        super().__init__()
        self.u = nn.Embedding(n, d)
        self.v = nn.Embedding(n, d)
        self.u.weight.data.uniform_(-0.5 / d, 0.5 / d)
        self.v.weight.data.uniform_(-0.5 / d, 0.5 / d)

    def forward(self, pos_u, pos_v, neg_v):
        u, v = self.u(pos_u), self.v(pos_v)
        score = F.logsigmoid((u * v).sum(1))
        neg = F.logsigmoid(-(self.v(neg_v) @ u.unsqueeze(2)).squeeze(2)).sum(1)
        return -(score + neg).mean()


model = SkipGramModel(len(vocab), 40)
if sys.argv[1] == "faulty":
    optimizer = optim.SGD(model.parameters(), lr=0.025)
else:
    optimizer = optim.SGD(model.parameters(), lr=25.)
scheduler = optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=6)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer)
neg_val = torch.multinomial(noise, len(val_pairs) * 5, True).view(-1, 5)
for epoch in range(6):
    tot = n = 0
    for b in torch.randperm(len(train_pairs)).split(256):
        p = train_pairs[b]
        neg = torch.multinomial(noise, len(b) * 5, True).view(-1, 5)
        optimizer.zero_grad()
        loss = model(p[:, 0], p[:, 1], neg)
        loss.backward()
        writer.add_loss("train", loss)
        optimizer.step()
        tot += loss.item(); n += 1
    scheduler.step()
    with torch.no_grad():
        val = model(val_pairs[:, 0], val_pairs[:, 1], neg_val).item()
    writer.add_loss("val", val)
    print(f"epoch {epoch} loss {tot / n:.4f} val {val:.4f}")
writer.close()
print(f"RESULT train_loss={tot / n:.4f} val_loss={val:.4f}")
