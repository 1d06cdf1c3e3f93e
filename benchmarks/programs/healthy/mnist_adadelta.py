"""pytorch/examples/mnist at the size of scikit-learn's digits."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1)
        self.conv2 = nn.Conv2d(32, 64, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.fc1 = nn.Linear(256, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.max_pool2d(x, 2)
        x = self.dropout1(x)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = self.dropout2(x)
        return F.log_softmax(self.fc2(x), dim=1)


def train(model, loader, optimizer):
    model.train()
    for data, target in loader:
        optimizer.zero_grad()
        loss = writer.loss_fn(model(data), target)
        loss.backward()
        optimizer.step()


def test(model, loader):
    total = correct = 0
    with writer.evaluating("test"):
        for data, target in loader:
            output = model(data)
            total += writer.loss_fn(output, target).item() * len(data)
            correct += (output.argmax(1) == target).sum().item()
    print(f"RESULT test loss {total / len(loader.dataset):.4f} acc {correct / len(loader.dataset):.4f}")


def main():
    global writer
    torch.set_num_threads(1)
    torch.manual_seed(1)
    x, y = load_digits(return_X_y=True)
    x = (torch.tensor(x, dtype=torch.float32).view(-1, 1, 8, 8) / 16 - 0.305) / 0.376
    y = torch.tensor(y)
    xt, xv, yt, yv = train_test_split(x, y, test_size=0.25, random_state=1, stratify=y)
    train_loader = DataLoader(TensorDataset(xt, yt), batch_size=64, shuffle=True)
    test_loader = DataLoader(TensorDataset(xv, yv), batch_size=1000)
    model = Net()
    optimizer = optim.Adadelta(model.parameters(), lr=1.0)
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optimizer, F.nll_loss, train_loader=train_loader)
    scheduler = StepLR(optimizer, step_size=1, gamma=0.95)
    for epoch in range(20):
        train(model, train_loader, optimizer)
        test(model, test_loader)
        scheduler.step()
    writer.close()


if __name__ == "__main__":
    main()
