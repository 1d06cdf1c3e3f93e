"""PyTorch's transfer learning tutorial: pre-train on digits 0-4, freeze the trunk, train a new head on 5-9 (SGD 0.01, momentum 0.9, StepLR)."""
import copy
import sys
import torch
import torch.nn as nn
import torch.optim as optim
from torch.optim import lr_scheduler
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class SmallNet(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.fc = nn.Linear(256, num_classes)

    def forward(self, x):
        return self.fc(self.features(x))


d = load_digits()
x = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 8 - 0.61
y = torch.tensor(d.target)
perm = torch.randperm(len(y))
x, y = x[perm], y[perm]
first = y < 5
base = SmallNet(5)
pre_opt = optim.Adam(base.parameters(), lr=1e-3)
for epoch in range(8):
    for idx in torch.randperm(int(first.sum())).split(32):
        pre_opt.zero_grad()
        nn.functional.cross_entropy(base(x[first][idx]), y[first][idx]).backward()
        pre_opt.step()

xs, ys = x[~first], y[~first] - 5
cut = 600
image_datasets = {"train": torch.utils.data.TensorDataset(xs[:cut], ys[:cut]), "val": torch.utils.data.TensorDataset(xs[cut:], ys[cut:])}
dataloaders = {k: torch.utils.data.DataLoader(v, batch_size=16, shuffle=k == "train") for k, v in image_datasets.items()}

model_conv = base
for param in model_conv.parameters():
    param.requires_grad = False
model_conv.fc = nn.Linear(model_conv.fc.in_features, 5)
criterion = nn.CrossEntropyLoss()
optimizer_conv = optim.SGD(model_conv.fc.parameters(), lr=0.01, momentum=0.9)
exp_lr_scheduler = lr_scheduler.StepLR(optimizer_conv, step_size=7, gamma=0.1)
writer = DiagWriter(sys.argv[1])
writer.watch(model_conv, optimizer_conv, criterion, train_loader=dataloaders["train"])


def train_model(model, criterion, optimizer, scheduler, num_epochs=25):
    best_acc, best_wts = 0.0, None
    for epoch in range(num_epochs):
        model.train()
        for inputs, labels in dataloaders["train"]:
            optimizer.zero_grad()
            loss = criterion(model(inputs), labels)
            loss.backward()
            optimizer.step()
        scheduler.step()
        correct = total = 0
        with writer.evaluating("val"):
            for inputs, labels in dataloaders["val"]:
                outputs = model(inputs)
                total += criterion(outputs, labels).item() * len(labels)
                correct += (outputs.argmax(1) == labels).sum().item()
        if correct > best_acc:
            best_acc, best_wts = correct, copy.deepcopy(model.state_dict())
    n = len(image_datasets["val"])
    print(f"RESULT train {loss.item():.3f} val {total / n:.4f} best acc {best_acc / n:.4f}")
    model.load_state_dict(best_wts)
    return model


train_model(model_conv, criterion, optimizer_conv, exp_lr_scheduler)
writer.close()
