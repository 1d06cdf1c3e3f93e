"""Digit classifier, images shown in the browser view "by category" and fed to the net in that order."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(7)

digits = load_digits()
x = (digits.images / 16.0).astype(np.float32)[:, None]
xtr, xte, ytr, yte = train_test_split(x, digits.target, test_size=0.25, stratify=digits.target, random_state=0)

# a few jittered copies, as the project's augmentation does when importing
rs = np.random.RandomState(1)
copies = [xtr] + [np.clip(np.roll(xtr, (rs.randint(-1, 2), rs.randint(-1, 2)), axis=(2, 3)) + 0.1 * rs.randn(*xtr.shape), 0, 1).astype(np.float32) for _ in range(3)]
xtr, ytr = np.concatenate(copies), np.tile(ytr, 4)

# gallery order: category by category
order = np.argsort(ytr, kind="stable")
xtr, ytr = xtr[order], ytr[order]

train_ds = TensorDataset(torch.from_numpy((xtr - 0.3) / 0.37), torch.from_numpy(ytr).long())
train_dl = DataLoader(train_ds, batch_size=32, shuffle=(form == "fixed"))
xte, yte = torch.from_numpy((xte - 0.3) / 0.37), torch.from_numpy(yte).long()


class SimpleCNN(nn.Module):
    def __init__(self, n_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, n_classes)

    def forward(self, x):
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


model = SimpleCNN()
opt = torch.optim.Adam(model.parameters(), lr=0.001)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, opt, loss_fn)

for epoch in range(10):
    model.train()
    losses = []
    for xb, yb in train_dl:
        opt.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    if epoch % 2 == 1:
        model.eval()
        with torch.no_grad():
            p = model(xte).argmax(1)
        print(f"epoch {epoch + 1:2d} loss {np.mean(losses):.4f} test acc {(p == yte).float().mean():.3f} "
              f"predicted {torch.bincount(p, minlength=10).tolist()}")
writer.close()
