import sys
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(0)

EPOCHS = 22
BATCH_SIZE = 64
LEARNING_RATE = 0.06
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
DROPOUT = 0.3
DECAY_EVERY = 10


class AlexNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 24, 3, padding=1), nn.ReLU(inplace=True), nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0),
            nn.MaxPool2d(2, 2),
            nn.Conv2d(24, 48, 3, padding=1), nn.ReLU(inplace=True), nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0),
            nn.Conv2d(48, 48, 3, padding=1), nn.ReLU(inplace=True),
            nn.MaxPool2d(2, 2))
        self.fc6 = nn.Linear(48 * 4, 128)
        self.fc7 = nn.Linear(128, 128)
        self.fc8 = nn.Linear(128, classes)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, x):
        x = self.conv(x).flatten(1)
        x = self.drop(torch.relu(self.fc6(x)))
        x = self.drop(torch.relu(self.fc7(x)))
        return self.fc8(x)


def load():
    d = load_digits()
    x = torch.tensor(d.images, dtype=torch.float32)[:, None]
    x = (x - x.mean()) / x.std()
    y = torch.tensor(d.target)
    return train_test_split(x, y, test_size=0.25, random_state=1, stratify=d.target)


def top1(logits, y):
    return (logits.argmax(1) == y).float().mean().item()


def adjust_learning_rate(optimizer, epoch, step):
    lr = LEARNING_RATE * 0.1 ** (epoch // DECAY_EVERY)
    if FORM == "faulty":
        lr = LEARNING_RATE * 0.1 ** (step // DECAY_EVERY)
    for group in optimizer.param_groups:
        group["lr"] = lr
    return lr


def main():
    x_tr, x_te, y_tr, y_te = load()
    train_loader = DataLoader(TensorDataset(x_tr, y_tr), batch_size=BATCH_SIZE, shuffle=True)
    test_loader = DataLoader(TensorDataset(x_te, y_te), batch_size=256)
    net = AlexNet(10)
    optimizer = torch.optim.SGD(net.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    loss_fn = nn.CrossEntropyLoss()
    writer = DiagWriter(LOGDIR)
    writer.watch(net, optimizer, loss_fn, train_loader=train_loader)
    step = 0
    for epoch in range(EPOCHS):
        net.train()
        for images, labels in train_loader:
            lr = adjust_learning_rate(optimizer, epoch, step)
            logits = net(images)
            loss = loss_fn(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % 50 == 0:
                print(f"epoch {epoch} step {step} loss {loss.item():.4f} top1 {top1(logits, labels):.3f}")
        with writer.evaluating("val"):
            total, correct = 0.0, 0.0
            for images, labels in test_loader:
                logits = net(images)
                total += loss_fn(logits, labels).item() * len(labels)
                correct += top1(logits, labels) * len(labels)
    writer.close()
    print(f"RESULT test loss {total / len(x_te):.4f} test top-1 {correct / len(x_te):.4f}")


main()
