# Linear SVM in PyTorch: squared hinge loss + L2 by weight decay, on TF-IDF of pieces of the standard library's sources.
# Task: does a chunk of code come from the network modules or from the rest?
import glob
import os
import random
import sys
import sysconfig

import numpy as np
import torch
import torch.nn as nn
from sklearn.feature_extraction.text import TfidfVectorizer
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(0)
torch.manual_seed(0)

lib = sysconfig.get_paths()["stdlib"]
NET = ("http", "urllib", "email", "asyncio", "xmlrpc", "wsgiref")
pos = [f for d in NET for f in sorted(glob.glob(os.path.join(lib, d, "*.py")))]
pos += [os.path.join(lib, f + ".py") for f in ("socket", "ssl", "ftplib", "smtplib", "imaplib", "poplib", "socketserver", "selectors", "ipaddress")]
neg = [f for f in sorted(glob.glob(os.path.join(lib, "*.py"))) if f not in pos][:150]


def chunks(files, label):
    out = []
    for f in files:
        try:
            lines = open(f, encoding="utf8").read().splitlines()
        except OSError:
            continue
        out += [("\n".join(lines[i:i + 12]), label) for i in range(0, len(lines) - 12, 12)]
    return out


docs = chunks(pos, 1.) + chunks(neg, -1.)
random.shuffle(docs)
docs = docs[:7000]
texts, labels = zip(*docs)
n = 5500
vec = TfidfVectorizer(token_pattern=r"[A-Za-z]{3,}", min_df=5, max_features=3000, sublinear_tf=True)
X = torch.tensor(np.vstack([vec.fit_transform(texts[:n]).toarray(), vec.transform(texts[n:]).toarray()])).float()
y = torch.tensor(labels)
print(X.shape, "share of network code", (y > 0).float().mean().item())


class SquaredHinge(nn.Module):
    def forward(self, score, y):
        return (torch.clamp(1 - y * score, min=0) ** 2).mean()


svm = nn.Linear(X.shape[1], 1)
loss_fn = SquaredHinge()
optimizer = torch.optim.SGD(svm.parameters(), lr=0.3, momentum=0.9, weight_decay=2e-4)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=10)
writer = DiagWriter(sys.argv[1])
writer.watch(svm, optimizer, loss_fn)

for epoch in range(10):
    svm.train()
    total = 0.
    for b in torch.randperm(n).split(50):
        loss = loss_fn(svm(X[b]).squeeze(1), y[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(b)
    scheduler.step()
    svm.eval()
    with torch.no_grad(), writer.evaluating("test"):
        s = svm(X[n:]).squeeze(1)
        test = loss_fn(s, y[n:]).item()
        acc = ((s > 0) == (y[n:] > 0)).float().mean().item()
    print(f"epoch {epoch + 1} hinge^2 train {total / n:.4f} test {test:.4f} accuracy {acc:.4f}")
writer.close()
words = np.array(vec.get_feature_names_out())
print("network:", *words[svm.weight[0].argsort(descending=True)[:12].numpy()])
print(f"RESULT test_loss={test:.4f} test_acc={acc:.4f}")
