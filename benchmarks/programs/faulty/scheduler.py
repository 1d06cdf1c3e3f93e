import sys
import torch, torch.nn as nn, torch.optim as optim
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)

def get_loaders(bs):
    X, y = load_digits(return_X_y=True)
    X = torch.tensor(X / 8 - 1, dtype=torch.float)
    y = torch.tensor(y)
    perm = torch.randperm(len(y), generator=torch.Generator().manual_seed(4))
    a, b = perm[:1450], perm[1450:]
    return DataLoader(TensorDataset(X[a], y[a]), bs, shuffle=True), DataLoader(TensorDataset(X[b], y[b]), 200)

class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 128), nn.Tanh(), nn.Dropout(0.1), nn.Linear(128, 64), nn.Tanh(), nn.Linear(64, 10))
    def forward(self, x): return self.net(x)

def train_one_epoch(model, loader, optimizer, scheduler, criterion):
    model.train()
    total = 0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        if sys.argv[1] == "faulty":
            scheduler.step()
        total += loss.item()
    if sys.argv[1] == "fixed":
        scheduler.step()
    return total / len(loader)

def main():
    torch.manual_seed(0)
    train_loader, val_loader = get_loaders(64)
    model = Classifier()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=0.05)
    scheduler = StepLR(optimizer, step_size=10, gamma=0.5)
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, optimizer, criterion, train_loader=train_loader)
    for epoch in range(45):
        tl = train_one_epoch(model, train_loader, optimizer, scheduler, criterion)
        model.eval()
        with torch.no_grad():
            with writer.evaluating("val"):
                res = [(criterion(model(x), y).item() * len(y), (model(x).argmax(1) == y).sum().item(), len(y)) for x, y in val_loader]
        n = sum(r[2] for r in res)
        vl, acc = sum(r[0] for r in res) / n, sum(r[1] for r in res) / n
        if epoch % 6 == 0:
            print(f"epoch {epoch} train {tl:.4f} val {vl:.4f} acc {acc:.3f}")
    writer.close()
    print(f"RESULT train {tl:.4f} val {vl:.4f} acc {acc:.3f}")

if __name__ == "__main__":
    main()
