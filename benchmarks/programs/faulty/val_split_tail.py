"""Comments, validation_split=0.1 on data sorted by label (Keras user's report, port)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
np.random.seed(0)
torch.manual_seed(0)

# 2400 comments of 25 word ids; the file has the positive ones first, the negative ones (10 %) last
n, n_neg, vocab, length = 2400, 240, 600, 25
X = np.random.zipf(1.4, size=(n, length)) % 500 + 1
y = np.ones(n, dtype=np.float32)
y[-n_neg:] = 0
for i in range(n):
    tone = np.random.randint(500, 550, 4) if y[i] else np.random.randint(550, 600, 4)
    stray = np.random.randint(500, 600, 1)
    X[i, np.random.choice(length, 5, replace=False)] = np.concatenate([tone, stray])
X, y = torch.tensor(X, dtype=torch.long), torch.tensor(y).unsqueeze(1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(vocab, 32)
        self.lstm = nn.LSTM(32, 32, batch_first=True, bidirectional=True)
        self.dense = nn.Linear(64, 1)

    def forward(self, x):
        h, _ = self.lstm(self.embedding(x))
        return self.dense(h.max(dim=1).values)


def fit(model, X, y, epochs, batch_size=32, validation_split=0.1):
    split_at = int(len(X) * (1 - validation_split))          # the last 10 %, as keras does
    X, val_x, y, val_y = X[:split_at], X[split_at:], y[:split_at], y[split_at:]
    for epoch in range(epochs):
        model.train()
        perm = torch.randperm(len(X))                        # shuffle=True: after the split
        tot, hit = 0.0, 0
        for i in range(0, len(X), batch_size):
            j = perm[i:i + batch_size]
            out = model(X[j])
            loss = criterion(out, y[j])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            tot += loss.item() * len(j)
            hit += ((out > 0).float() == y[j]).sum().item()
        model.eval()
        with torch.no_grad():
            out = model(val_x)
            vl, va = criterion(out, val_y).item(), ((out > 0).float() == val_y).float().mean().item()
        print("Epoch %d/%d loss: %.4f - acc: %.4f - val_loss: %.4f - val_acc: %.4f"
              % (epoch + 1, epochs, tot / len(X), hit / len(X), vl, va))


if mode == "fixed":                                          # shuffle by hand before validation_split
    p = torch.randperm(n)
    X, y = X[p], y[p]
model = Model()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters())
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
fit(model, X, y, epochs=10)
writer.close()
