"""Which language is this snippet in? Character CNN (a course lab). Eight invented but related languages: each has its own
letter-pair statistics, neighbours share most of theirs, and snippets are short, so that some can't be told apart."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.default_rng(5)
torch.manual_seed(5)

LANGS = ["nor", "swe", "dan", "isl", "spa", "por", "ita", "cat"]
ALPHABET = "abcdefghijklmnopqrstuvwxyz "
A = len(ALPHABET)
MAXLEN = 40


def transition_tables():
    tables = []
    for family in range(2):
        base = rng.normal(0, 1.4, (A, A))
        for _ in range(4):
            t = base + rng.normal(0, .6, (A, A))
            t[:, -1] += 1.2
            t[-1, -1] = -9
            e = np.exp(t)
            tables.append(np.cumsum(e / e.sum(1, keepdims=True), 1))
    return tables


TABLES = transition_tables()


def snippets(n):
    labels = rng.integers(len(LANGS), size=n)
    X = np.zeros((n, MAXLEN), np.int64)                       # 0 = padding
    for i, l in enumerate(labels):
        c = A - 1
        for j in range(rng.integers(10, MAXLEN + 1)):
            c = min(int(np.searchsorted(TABLES[l][c], rng.random())), A - 1)
            X[i, j] = c + 1
    return torch.from_numpy(X), torch.from_numpy(labels)


class CharCNN(nn.Module):
    def __init__(self, n_chars=A + 1, emb=16, n_filters=32, n_classes=len(LANGS)):
        super().__init__()
        self.emb = nn.Embedding(n_chars, emb, padding_idx=0)
        self.convs = nn.ModuleList([nn.Conv1d(emb, n_filters, k) for k in (2, 3, 4)])
        self.dropout = nn.Dropout(0.4)
        self.fc = nn.Linear(3 * n_filters, n_classes)

    def forward(self, x):
        e = self.emb(x).transpose(1, 2)
        feats = [F.relu(c(e)).mean(2) * 4 for c in self.convs]
        return self.fc(self.dropout(torch.cat(feats, 1)))


X_train, y_train = snippets(6000)
X_dev, y_dev = snippets(1500)
print("".join(ALPHABET[c - 1] for c in X_train[0] if c), "->", LANGS[y_train[0]])
model = CharCNN()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 12)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, loss_fn)

n_epochs = 12
for epoch in range(n_epochs):
    model.train()
    run = 0.
    for idx in torch.randperm(len(X_train)).split(64):
        opt.zero_grad()
        loss = loss_fn(model(X_train[idx]), y_train[idx])
        loss.backward()
        opt.step()
        run += loss.item() * len(idx)
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logits = model(X_dev)
        dev = loss_fn(logits, y_dev).item()
    acc = (logits.argmax(1) == y_dev).float().mean().item()
    print(f"epoch {epoch + 1:2d}: train loss {run / len(X_train):.4f}, dev loss {dev:.4f}, dev acc {acc:.3f}")
writer.close()
family = (logits.argmax(1) // 4 == y_dev // 4).float().mean().item()
print(f"RESULT train {run / len(X_train):.4f} val {dev:.4f} acc {acc:.3f} family acc {family:.3f}")
