"""MNIST-style training (white ink on black); tested on digits that we wrote and scanned ourselves (black ink on white paper)."""
from __future__ import print_function
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.optim.lr_scheduler import StepLR
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, 1, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(32 * 3 * 3, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.max_pool2d(x, 2)
        x = self.dropout1(torch.flatten(x, 1))
        x = F.relu(self.fc1(x))
        return F.log_softmax(self.fc2(x), dim=1)


def scans(images):
    """What the scanner gives: paper is white, ink dark, a little grain."""
    g = torch.Generator().manual_seed(9)
    return (1 - images + 0.03 * torch.randn(images.shape, generator=g)).clamp(0, 1)


def evaluate(model, loader, split, writer):
    model.eval()
    loss = correct = n = 0
    with writer.evaluating(split):
        for data, target in loader:
            output = model(data)
            loss += F.nll_loss(output, target).item() * len(target)
            correct += output.argmax(1).eq(target).sum().item()
            n += len(target)
    print(f"  {split}: loss {loss / n:.4f}, accuracy {correct}/{n}")
    return loss / n, correct / n


def main():
    torch.set_num_threads(1)
    torch.manual_seed(1)
    d = load_digits()
    img, lab = torch.tensor(d.images).float().unsqueeze(1) / 16, torch.tensor(d.target)
    perm = torch.randperm(len(img))
    img, lab = img[perm], lab[perm]
    mine = scans(img[1500:])
    if sys.argv[1] == "fixed":
        mine = 1 - mine
    norm = lambda t: (t - img[:1200].mean()) / img[:1200].std()
    train = DataLoader(TensorDataset(norm(img[:1200]), lab[:1200]), batch_size=32, shuffle=True)
    val = DataLoader(TensorDataset(norm(img[1200:1500]), lab[1200:1500]), batch_size=300)
    test = DataLoader(TensorDataset(norm(mine), lab[1500:]), batch_size=300)
    model = Net()
    optimizer = optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = StepLR(optimizer, step_size=1, gamma=0.8)
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, optimizer, F.nll_loss)
    for epoch in range(1, 13):
        model.train()
        for data, target in train:
            optimizer.zero_grad()
            loss = F.nll_loss(model(data), target)
            loss.backward()
            optimizer.step()
        print(f"Epoch {epoch}: {loss.item():.4f}")
        evaluate(model, val, "val", writer)
        tl, ta = evaluate(model, test, "test", writer)
        scheduler.step()
    writer.close()
    print(f"RESULT test loss {tl:.3f} accuracy {ta:.3f}")


if __name__ == "__main__":
    main()
