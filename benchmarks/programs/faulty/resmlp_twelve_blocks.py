"""Residual MLP ("ResMLP-12") on sklearn's digits -- tutorial style, everything in one file."""
import sys
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader, random_split
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(33)
torch.set_num_threads(1)

class ResidualBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, width)
        self.fc2 = nn.Linear(width, width)
        self.relu = nn.ReLU()
    def forward(self, x):
        out = self.relu(self.fc1(x))
        out = self.fc2(out)
        if form == "fixed":
            out = out + x
        return self.relu(out)

class ResMLP(nn.Module):
    def __init__(self, n_blocks=12, width=64, classes=10):
        super().__init__()
        self.stem = nn.Linear(64, width)
        self.blocks = nn.Sequential(*[ResidualBlock(width) for _ in range(n_blocks)])
        self.fc = nn.Linear(width, classes)
    def forward(self, x):
        return self.fc(self.blocks(torch.relu(self.stem(x))))

digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32) / 16
ds = TensorDataset((x - x.mean()) / x.std(), torch.tensor(digits.target))
train_ds, val_ds = random_split(ds, [1397, 400], generator=torch.Generator().manual_seed(0))
train_loader, val_loader = DataLoader(train_ds, batch_size=32, shuffle=True), DataLoader(val_ds, batch_size=200)
model, loss_fn = ResMLP(), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)

for epoch in range(12):
    model.train()
    running = 0.0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
        running += loss.item()
    correct = 0
    with writer.evaluating("val"):
        for xb, yb in val_loader:
            pred = model(xb)
            loss_fn(pred, yb)
            correct += (pred.argmax(1) == yb).sum().item()
    print(f"epoch {epoch + 1:2d}  loss {running / len(train_loader):.4f}  val acc {correct / 400:.4f}", flush=True)
writer.close()
print(f"RESULT val_acc {correct / 400:.4f}")
