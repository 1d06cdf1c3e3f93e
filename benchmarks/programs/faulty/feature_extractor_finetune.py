import sys
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)
mode, logdir = sys.argv[1], sys.argv[2]

d = load_digits()
X = torch.tensor(d.images, dtype=torch.float32)[:, None] / 8 - 1
X = X + 0.25 * torch.randn_like(X)
Y = torch.tensor(d.target)
source = Y < 6


class Backbone(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        def block(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
        self.layer1 = block(1, 24)
        self.layer2 = nn.Sequential(block(24, 48), nn.MaxPool2d(2))
        self.layer3 = nn.Sequential(block(48, 64), nn.MaxPool2d(2))
        self.fc = nn.Linear(64 * 4, num_classes)

    def forward(self, x):
        return self.fc(self.layer3(self.layer2(self.layer1(x))).flatten(1))


def pretrain():
    net = Backbone(6)
    opt = optim.Adam(net.parameters(), 1e-3)
    loader = DataLoader(TensorDataset(X[source], Y[source]), 64, shuffle=True)
    for _ in range(8):
        for a, b in loader:
            opt.zero_grad()
            nn.functional.cross_entropy(net(a), b).backward()
            opt.step()
    return net.state_dict()


model_ft = Backbone(6)
model_ft.load_state_dict(pretrain())
Xt, Yt = X[~source], Y[~source] - 6
xtr, xva, ytr, yva = train_test_split(Xt, Yt, test_size=0.4, random_state=0, stratify=Yt)
dataloaders = {"train": DataLoader(TensorDataset(xtr, ytr), batch_size=16, shuffle=True),
               "val": DataLoader(TensorDataset(xva, yva), batch_size=64)}

criterion = nn.CrossEntropyLoss()
if mode == "faulty":
    optimizer_ft = optim.SGD(model_ft.parameters(), lr=0.004, momentum=0.9)
for param in model_ft.parameters():
    param.requires_grad = False
model_ft.fc = nn.Linear(model_ft.fc.in_features, 4)
if mode == "fixed":
    optimizer_ft = optim.SGD(model_ft.parameters(), lr=0.004, momentum=0.9)
scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer_ft, T_max=15)

writer = DiagWriter(logdir)
writer.watch(model_ft, optimizer_ft, criterion)


def train_model(model, num_epochs=15):
    n = 0
    for epoch in range(num_epochs):
        for phase in ["train", "val"]:
            model.train() if phase == "train" else model.eval()
            running_loss = running_corrects = 0
            for inputs, labels in dataloaders[phase]:
                optimizer_ft.zero_grad()
                with torch.set_grad_enabled(phase == "train"):
                    outputs = model(inputs)
                    loss = criterion(outputs, labels)
                    if phase == "train":
                        loss.backward()
                        optimizer_ft.step()
                        n += 1
                running_loss += loss.item() * inputs.size(0)
                running_corrects += (outputs.argmax(1) == labels).sum().item()
            size = len(dataloaders[phase].dataset)
            writer.add_scalar(f"{phase}/epoch_acc", running_corrects / size, n)
            print("{} {} Loss: {:.4f} Acc: {:.4f}".format(epoch, phase, running_loss / size, running_corrects / size))
        scheduler.step()


train_model(model_ft)
writer.close()
