"""Network in network (NIN) for small pictures, port of the CIFAR-10 recipe to the 8x8 digits blown up to 16x16."""
import argparse
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

p = argparse.ArgumentParser()
p.add_argument("form", choices=["faulty", "fixed"])
p.add_argument("logdir")
p.add_argument("--epochs", type=int, default=14)
p.add_argument("--batch-size", type=int, default=32)
args = p.parse_args()
args.lr = 0.1 if args.form == "faulty" else 0.01
torch.manual_seed(1)
torch.set_num_threads(1)

d = load_digits()
X = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16
X = nn.functional.interpolate(X, scale_factor=2, mode="bilinear", align_corners=False)
X = (X - X.mean()) / X.std()
Xa, Xb, ya, yb = train_test_split(X, torch.tensor(d.target), test_size=0.25, random_state=0, stratify=d.target)
trainloader = DataLoader(TensorDataset(Xa, ya), batch_size=args.batch_size, shuffle=True)
testloader = DataLoader(TensorDataset(Xb, yb), batch_size=150)


class NIN(nn.Module):
    def __init__(self):
        super().__init__()
        self.classifier = nn.Sequential(
            nn.Conv2d(1, 48, 5, padding=2), nn.ReLU(inplace=True),
            nn.Conv2d(48, 40, 1), nn.ReLU(inplace=True),
            nn.Conv2d(40, 24, 1), nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1), nn.Dropout(0.5),
            nn.Conv2d(24, 48, 5, padding=2), nn.ReLU(inplace=True),
            nn.Conv2d(48, 48, 1), nn.ReLU(inplace=True),
            nn.Conv2d(48, 48, 1), nn.ReLU(inplace=True),
            nn.AvgPool2d(3, 2, 1), nn.Dropout(0.5),
            nn.Conv2d(48, 48, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(48, 48, 1), nn.ReLU(inplace=True),
            nn.Conv2d(48, 10, 1), nn.ReLU(inplace=True),
            nn.AvgPool2d(4))

    def forward(self, x):
        return self.classifier(x).view(x.size(0), 10)


model = NIN()
for m in model.modules():
    if isinstance(m, nn.Conv2d):
        nn.init.kaiming_normal_(m.weight)
        m.bias.data.zero_()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4)
tb = DiagWriter(args.logdir)
tb.watch(model, optimizer, criterion)


def train(epoch):
    model.train()
    for i, (data, target) in enumerate(trainloader):
        optimizer.zero_grad()
        loss = criterion(model(data), target)
        loss.backward()
        optimizer.step()
        if i % 20 == 0:
            print(f"Train Epoch: {epoch} [{i * len(data)}/{len(ya)}]\tLoss: {loss.item():.6f}\tLR: {optimizer.param_groups[0]['lr']}")


def test(epoch):
    loss = correct = 0
    with tb.evaluating("test"):
        for data, target in testloader:
            out = model(data)
            loss += criterion(out, target).item() * len(target)
            correct += out.argmax(1).eq(target).sum().item()
    tb.add_scalar("test/acc", 100.0 * correct / len(yb), epoch)
    print(f"Test set: Average loss: {loss / len(yb):.4f}, Accuracy: {correct}/{len(yb)}")
    return correct / len(yb)


for epoch in range(1, args.epochs + 1):
    train(epoch)
    acc = test(epoch)
tb.close()
print(f"RESULT test_accuracy {acc:.4f}")
