"""Tell patches of two photographs apart (the pictures china.jpg and flower.jpg bundled with scikit-learn),
grey values only, 16x16 patches, small CNN."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_sample_image
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter


def patches(name, rng, count, size=16):
    img = load_sample_image(name).mean(2).astype(np.float32) / 255.0
    h, w = img.shape
    out = []
    for _ in range(count):
        i, j = rng.integers(0, h - size), rng.integers(0, w - size)
        p = img[i:i + size, j:j + size]
        out.append((p - p.mean()) / (p.std() + 0.05))
    return np.stack(out)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc1 = nn.Linear(16 * 16, 32)
        self.fc2 = nn.Linear(32, 2)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def main():
    form, logdir = sys.argv[1], sys.argv[2]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    x = np.concatenate([patches("china.jpg", rng, 1600), patches("flower.jpg", rng, 1600)])[:, None]
    y = np.repeat([0, 1], 1600)
    order = rng.permutation(len(x))
    x, y = torch.tensor(x[order]), torch.tensor(y[order])
    train, val = TensorDataset(x[:2600], y[:2600]), TensorDataset(x[2600:], y[2600:])
    train_loader = DataLoader(train, batch_size=len(train) if form == "faulty" else 32, shuffle=True)
    val_loader = DataLoader(val, batch_size=300)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    criterion = nn.CrossEntropyLoss()
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, criterion)
    for epoch in range(20):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(xb), yb)
            loss.backward()
            optimizer.step()
        model.eval()
        hits = 0
        vl = 0.0
        with writer.evaluating("val"):
            for xb, yb in val_loader:
                out = model(xb)
                vl += criterion(out, yb).item() * len(yb)
                hits += (out.argmax(1) == yb).sum().item()
        print(f"Epoch {epoch + 1}: train {loss.item():.4f}, val {vl / len(val):.4f}, acc {hits / len(val):.4f}")
    writer.close()
    print("RESULT acc", round(hits / len(val), 4), "val_loss", round(vl / len(val), 4))


main()
