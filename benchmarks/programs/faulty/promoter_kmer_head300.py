# Promoter or not: 57-mers, 1-d CNN.  (debug slice left in the loader: .head(300))
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(23)
rng = np.random.default_rng(23)
LEN = 57


def draw(n):
    out = []
    for _ in range(n):
        gc = rng.uniform(.35, .6)
        s = rng.choice(list("ACGT"), LEN, p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2])
        y = rng.random() < .5
        a = rng.integers(8, 18)
        gap = rng.integers(15, 20) if y else rng.integers(3, 30)
        mut = .18 if y else rng.choice([.18, .8])
        for pos, motif in ((a, "TTGACA"), (a + 6 + gap, "TATAAT")):
            for k, c in enumerate(motif):
                if pos + k < LEN and rng.random() > mut:
                    s[pos + k] = c
        out.append(("".join(s), int(y)))
    return pd.DataFrame(out, columns=["sequence", "promoter"])


df = draw(5000)
valid = df.iloc[4000:]
train = df.iloc[:4000]
if sys.argv[1] == "faulty":
    train = train.head(300)


def encode(frame):
    x = np.array([["ACGT".index(c) for c in s] for s in frame.sequence])
    return torch.eye(4)[torch.tensor(x)].permute(0, 2, 1).contiguous(), torch.tensor(frame.promoter.values, dtype=torch.float32)


X, y = encode(train)
Xv, yv = encode(valid)


class PromoterCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(4, 24, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2),
                                  nn.Conv1d(24, 24, 11, padding=5), nn.ReLU(), nn.MaxPool1d(2))
        self.fc = nn.Sequential(nn.Flatten(), nn.Dropout(.4), nn.Linear(24 * 14, 24), nn.ReLU(), nn.Dropout(.4), nn.Linear(24, 1))

    def forward(self, x):
        return self.fc(self.conv(x)).squeeze(1)


model = PromoterCNN()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=.05)
bce = nn.BCEWithLogitsLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, bce)
STEPS, BATCH = 875, 32
per_epoch = -(-len(X) // BATCH)
epochs = STEPS // per_epoch
for epoch in range(epochs):
    model.train()
    tl = 0
    for b in torch.randperm(len(X)).split(BATCH):
        optimizer.zero_grad()
        loss = bce(model(X[b]), y[b])
        loss.backward()
        optimizer.step()
        tl += loss.item() * len(b) / len(X)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = model(Xv)
        vl = bce(o, yv).item()
    acc = ((o > 0) == (yv > .5)).float().mean().item()
    if epoch % max(1, epochs // 10) == 0 or epoch == epochs - 1:
        print(f"epoch {epoch} loss {tl:.4f} val_loss {vl:.4f} val_acc {acc:.4f}")
writer.close()
print(f"RESULT train_loss {tl:.4f} val_loss {vl:.4f} val_acc {acc:.4f}")
