"""Transfer learning: pretrain on digits 0-4, then a new head for digits 5-9."""
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)


class SmallCNN(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.fc = nn.Linear(32 * 16, n_classes)

    def forward(self, x):
        return self.fc(self.features(x))


def get_loaders():
    d = load_digits()
    X = torch.tensor(d.images[:, None] / 16, dtype=torch.float32)
    y = torch.tensor(d.target)
    src, tgt = y < 5, y >= 5
    n = 400
    mk = lambda a, b, s: DataLoader(TensorDataset(a, b), 16, shuffle=s)
    return mk(X[src], y[src], True), mk(X[tgt][:n], y[tgt][:n] - 5, True), mk(X[tgt][n:], y[tgt][n:] - 5, False)


def pretrain(model, loader):
    opt = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(4):
        for x, y in loader:
            opt.zero_grad(); nn.functional.cross_entropy(model(x), y).backward(); opt.step()


def main():
    mode, logdir = sys.argv[1:]
    src, train_loader, val_loader = get_loaders()
    model = SmallCNN(5)
    pretrain(model, src)
    for p in model.features.parameters():
        p.requires_grad = False           # feature extraction: only the head learns
    if mode == "fixed":
        model.fc = nn.Linear(model.fc.in_features, 5)
    optimizer = torch.optim.Adam([p for p in model.parameters()], lr=1e-3)
    if mode == "faulty":
        model.fc = nn.Linear(model.fc.in_features, 5)
    criterion = nn.CrossEntropyLoss()
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, criterion)
    for epoch in range(25):
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        ok = n = v = 0
        with torch.no_grad():
            for x, y in val_loader:
                o = model(x)
                v += criterion(o, y).item() / len(val_loader)
                ok += (o.argmax(1) == y).sum().item(); n += len(y)
        print(f"epoch {epoch} train {loss.item():.3f} val {v:.3f} acc {ok/n:.3f}")
    writer.close()


main()
