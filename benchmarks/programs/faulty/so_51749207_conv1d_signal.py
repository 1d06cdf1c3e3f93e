import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(1)
rng = np.random.default_rng(42)


def make_signals(n=549, length=600):
    t = np.linspace(0, 6, length)
    labels = rng.integers(0, 2, n)
    rows = []
    for c in labels:
        f = rng.normal(1.1, 0.15)
        s = np.sin(2 * np.pi * f * t + rng.uniform(0, 6))
        if c:
            for p in rng.uniform(0.3, 5.7, 6):
                s += rng.uniform(1.2, 2.2) * np.exp(-((t - p) / 0.03) ** 2)
        rows.append(s + 0.3 * rng.standard_normal(length))
    return np.array(rows, dtype=np.float32), labels.astype(np.float32)


X, Y = make_signals()
X1, Y1 = torch.tensor(X[:90]).unsqueeze(1), torch.tensor(Y[:90])
X, Y = torch.tensor(X[91:]).unsqueeze(1), torch.tensor(Y[91:])


class SignalCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 20, 4, padding="same")
        self.drop = nn.Dropout(0.3)
        self.fc1 = nn.Linear(20 * 300, 50)
        self.fc2 = nn.Linear(50, 1)
        for m in self.modules():
            if hasattr(m, "weight"):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        x = self.drop(F.max_pool1d(F.relu(self.conv(x)), 2))
        x = self.fc2(F.relu(self.fc1(x.flatten(1))))
        x = F.softmax(x, dim=1) if FORM == "faulty" else torch.sigmoid(x)
        return x.squeeze(1)


model = SignalCNN()
optimizer = torch.optim.NAdam(model.parameters(), lr=0.002, eps=1e-7)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, F.binary_cross_entropy)

for epoch in range(12):
    model.train()
    order = torch.randperm(len(X))
    epoch_loss = 0
    for k in range(0, len(X), 8):
        b = order[k:k + 8]
        out = model(X[b])
        loss = F.binary_cross_entropy(out, Y[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(b)
    with writer.evaluating("val"):
        out = model(X1)
        val = F.binary_cross_entropy(out, Y1).item()
        acc = ((out > 0.5) == (Y1 > 0.5)).float().mean().item()
    print(f"{epoch + 1} loss {epoch_loss / len(X):.4f} val_loss {val:.4f} val_acc {acc:.3f}")

writer.close()
print(f"RESULT val_loss {val:.4f} val_acc {acc:.3f}")
