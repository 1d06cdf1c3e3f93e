# multi-label tagging, translated from my tensorflow 1 code
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_multilabel_classification
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
keep_prob = 0.9

X, Y = make_multilabel_classification(n_samples=3000, n_features=40, n_classes=8, n_labels=3, length=60, random_state=0)
X = (X - X.mean(0)) / X.std(0)
X, Y = torch.tensor(X, dtype=torch.float32), torch.tensor(Y, dtype=torch.float32)
train_loader = DataLoader(TensorDataset(X[:2400], Y[:2400]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(X[2400:], Y[2400:]), batch_size=200)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        p = keep_prob if sys.argv[1] == "faulty" else 1 - keep_prob
        self.fc1 = nn.Linear(40, 64)
        self.drop1 = nn.Dropout(p)
        self.fc2 = nn.Linear(64, 64)
        self.drop2 = nn.Dropout(p)
        self.fc3 = nn.Linear(64, 32)
        self.drop3 = nn.Dropout(p)
        self.logits = nn.Linear(32, 8)

    def forward(self, x):
        x = self.drop1(torch.relu(self.fc1(x)))
        x = self.drop2(torch.relu(self.fc2(x)))
        x = self.drop3(torch.relu(self.fc3(x)))
        return self.logits(x)


model = Tagger()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion, train_loader=train_loader)
for epoch in range(30):
    model.train()
    ep = []
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        ep.append(loss.item())
    preds, vals = [], []
    with writer.evaluating("val"):
        for xb, yb in val_loader:
            o = model(xb)
            vals.append(criterion(o, yb).item())
            preds.append((o > 0).float())
    p, t = torch.cat(preds), Y[2400:]
    f1 = (2 * (p * t).sum() / (p.sum() + t.sum())).item()
    if epoch % 5 == 0:
        print(epoch, np.mean(ep), np.mean(vals), "f1", f1)
writer.close()
print("RESULT train %.4f val %.4f micro-f1 %.3f" % (np.mean(ep), np.mean(vals), f1))
