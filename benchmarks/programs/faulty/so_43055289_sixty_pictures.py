import sys
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(8)
rng = np.random.default_rng(8)
SIZE = 112


digits = load_digits()
chosen = np.flatnonzero((digits.target == 3) | (digits.target == 5))[:160]
gray = torch.tensor(digits.images[chosen], dtype=torch.float32)[:, None] / 16
gray = F.interpolate(gray, size=(SIZE, SIZE), mode="bilinear")
ink = torch.tensor(rng.uniform(0.7, 1.0, (160, 3, 1, 1)), dtype=torch.float32)
noise = torch.tensor(rng.normal(0, 0.03, (160, 3, SIZE, SIZE)), dtype=torch.float32)
pictures = (gray * ink + noise).clamp(0, 1)
labels = (digits.target[chosen] == 5).astype(float)
labels = torch.tensor(labels, dtype=torch.float32)
train_tensors, train_labels = pictures[:60], labels[:60]
test_tensors, test_labels = pictures[60:], labels[60:]


class Net(nn.Module):
    def __init__(self, bn_momentum):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 5, 4, stride=2, padding=1)
        self.conv2 = nn.Conv2d(5, 10, 4, stride=2, padding=1)
        self.bn = nn.BatchNorm2d(10, eps=1e-3, momentum=bn_momentum)
        self.fc = nn.Linear(10 * (SIZE // 4) ** 2, 1)
        for m in (self.conv1, self.conv2, self.fc):
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)

    def forward(self, x):
        x = F.leaky_relu(self.conv1(x), 0.2)
        x = F.leaky_relu(self.bn(self.conv2(x)), 0.2)
        return torch.sigmoid(self.fc(x.flatten(1))).squeeze(1)


model = Net(0.01 if form == "faulty" else 0.1)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
loss_fn = nn.BCELoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)

for epoch in range(14):
    model.train()
    hits = 0
    losses = []
    for b in torch.randperm(60).split(8):
        optimizer.zero_grad()
        p = model(train_tensors[b])
        loss = loss_fn(p, train_labels[b])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        hits += ((p > 0.5).float() == train_labels[b]).sum().item()
    with writer.evaluating("val"):
        p = model(test_tensors)
        val_loss = loss_fn(p, test_labels).item()
        val_acc = ((p > 0.5).float() == test_labels).float().mean().item()
    print(f"Epoch {epoch + 1} loss {np.mean(losses):.4f} acc {hits / 60:.4f} val_loss {val_loss:.4f} val_acc {val_acc:.4f}")

model.eval()
with torch.no_grad():
    p = model(train_tensors)
train_acc = ((p > 0.5).float() == train_labels).float().mean().item()
writer.close()
print(f"RESULT val_loss {val_loss:.4f} val_acc {val_acc:.4f} evaluated on the training data: loss {loss_fn(p, train_labels).item():.4f} acc {train_acc:.4f}")
