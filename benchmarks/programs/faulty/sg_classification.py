"""Image classification with a Trainer that takes a dict of training params (super-gradients)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)


class ImageFolderDataset(Dataset):
    """files come folder by folder, one folder per class, like torchvision.datasets.ImageFolder"""

    def __init__(self, split):
        d = load_digits()
        rs = np.random.RandomState(0)
        idx = rs.permutation(len(d.target))
        idx = idx[:1400] if split == "train" else idx[1400:]
        idx = idx[np.argsort(d.target[idx], kind="stable")]
        self.x, self.y, self.aug = d.images[idx].astype(np.float32) / 16, d.target[idx], split == "train"

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        img = torch.from_numpy(self.x[i]).unsqueeze(0)
        if self.aug:
            img = F.pad(img, (1, 1, 1, 1))
            a, b = torch.randint(0, 3, (2,)).tolist()
            img = img[:, a:a + 8, b:b + 8]
        return (img - 0.305) / 0.376, int(self.y[i])


class BasicBlock(nn.Module):
    def __init__(self, i, o, stride=1):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.shortcut = nn.Sequential()
        if stride != 1 or i != o:
            self.shortcut = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(out + self.shortcut(x))


class ResNetMini(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.layer1, self.layer2 = BasicBlock(16, 16), BasicBlock(16, 32, 2)
        self.linear = nn.Linear(32, num_classes)

    def forward(self, x):
        x = self.layer2(self.layer1(self.stem(x)))
        return self.linear(x.mean((2, 3)))


class Trainer:
    def __init__(self, experiment_name):
        self.experiment_name = experiment_name

    def train(self, model, training_params, train_loader, valid_loader):
        self.net, self.p = model, training_params
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = getattr(torch.optim, self.p["optimizer"])(model.parameters(), lr=self.p["initial_lr"], **self.p["optimizer_params"])
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.net, self.optimizer, self.criterion)
        for epoch in range(self.p["max_epochs"]):
            train = self._train_epoch(train_loader)
            valid = self._validate_epoch(valid_loader)
            print(f"Train epoch {epoch}: Loss={train:.4f} | Validate: Loss={valid[0]:.4f} Accuracy={valid[1]:.4f}")
        self.writer.close()

    def _train_epoch(self, loader):
        self.net.train()
        total = 0.
        for inputs, targets in loader:
            outputs = self.net(inputs)
            loss = self.criterion(outputs, targets)
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            total += loss.item()
        return total / len(loader)

    def _validate_epoch(self, loader):
        self.net.eval()
        loss, right, n = 0., 0, 0
        with torch.no_grad():
            for inputs, targets in loader:
                out = self.net(inputs)
                loss += self.criterion(out, targets).item() * len(targets)
                right += (out.argmax(1) == targets).sum().item(); n += len(targets)
        return loss / n, right / n


dataloader_params = {"batch_size": 32}
if form == "fixed":
    dataloader_params["shuffle"] = True
train_params = {"max_epochs": 20, "initial_lr": 0.01, "optimizer": "SGD",
                "optimizer_params": {"weight_decay": 0.0001, "momentum": 0.9, "nesterov": True}}
trainer = Trainer("imagenet_like")
trainer.train(ResNetMini(), train_params, DataLoader(ImageFolderDataset("train"), **dataloader_params),
              DataLoader(ImageFolderDataset("val"), batch_size=128))
