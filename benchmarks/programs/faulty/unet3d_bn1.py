"""3D U-Net trainer (patches of a volume, batch size 1 as memory allows)."""
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
config = {
    "manual_seed": 0,
    "model": {"f_maps": 8, "layer_order": "cbr" if form == "faulty" else "cgr"},
    "loaders": {"batch_size": 1},
    "optimizer": {"learning_rate": 2e-3, "weight_decay": 1e-5},
    "trainer": {"epochs": 8},
}
torch.manual_seed(config["manual_seed"])


def volumes(n, seed, size=12):
    """Cells with bright membranes; staining strength differs strongly from volume to volume."""
    rng = np.random.default_rng(seed)
    z, y, x = np.mgrid[0:size, 0:size, 0:size]
    raws, labels = [], []
    for _ in range(n):
        cells = rng.uniform(0, size, (rng.integers(2, 6), 3))
        d = np.sort(np.stack([np.sqrt((z - a) ** 2 + (y - b) ** 2 + (x - c) ** 2) for a, b, c in cells]), 0)
        label = (d[1] - d[0] < 1.6).astype(np.float32)
        gain, level = np.exp(rng.normal(0, .9)), rng.normal(0, 1.2)
        raws.append(gain * (label + rng.normal(0, .45, label.shape)) + level)
        labels.append(label)
    return TensorDataset(torch.tensor(np.array(raws), dtype=torch.float32)[:, None], torch.tensor(np.array(labels))[:, None])


def create_conv(in_channels, out_channels, order):
    modules = []
    for char in order:
        if char == "c":
            modules.append(nn.Conv3d(in_channels, out_channels, 3, padding=1, bias="b" not in order))
        elif char == "b":
            modules.append(nn.BatchNorm3d(out_channels))
        elif char == "g":
            modules.append(nn.GroupNorm(min(4, out_channels), out_channels))
        elif char == "r":
            modules.append(nn.ReLU(inplace=True))
    return nn.Sequential(*modules)


class UNet3D(nn.Module):
    def __init__(self, f_maps, layer_order):
        super().__init__()
        f = f_maps
        self.enc1 = nn.Sequential(create_conv(1, f, layer_order), create_conv(f, f, layer_order))
        self.enc2 = nn.Sequential(create_conv(f, 2 * f, layer_order), create_conv(2 * f, 2 * f, layer_order))
        self.dec = nn.Sequential(create_conv(3 * f, f, layer_order), create_conv(f, f, layer_order))
        self.final_conv = nn.Conv3d(f, 1, 1)
        self.final_activation = nn.Sigmoid()

    def forward(self, x):
        e1 = self.enc1(x)
        e2 = self.enc2(F.max_pool3d(e1, 2))
        x = self.final_conv(self.dec(torch.cat([e1, F.interpolate(e2, scale_factor=2)], 1)))
        if not self.training:
            x = self.final_activation(x)
        return x


class UNet3DTrainer:
    def __init__(self, model, optimizer, loss_criterion, loaders, writer, max_num_epochs):
        self.model, self.optimizer, self.loss_criterion, self.loaders, self.writer = model, optimizer, loss_criterion, loaders, writer
        self.max_num_epochs, self.num_iterations = max_num_epochs, 0

    def fit(self):
        for epoch in range(self.max_num_epochs):
            loss = self.train()
            iou, vloss = self.validate()
            print(f"Training. Epoch [{epoch}/{self.max_num_epochs - 1}] loss {loss:.4f} | validation loss {vloss:.4f} IoU {iou:.3f}")

    def train(self):
        self.model.train()
        losses = []
        for raw, target in self.loaders["train"]:
            loss = self.loss_criterion(self.model(raw), target)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
            self.num_iterations += 1
        return np.mean(losses)

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        ious, losses = [], []
        with self.writer.evaluating("val"):
            for raw, target in self.loaders["val"]:
                prob = self.model(raw)
                losses.append(F.binary_cross_entropy(prob, target).item())
                pred = prob > 0.5
                ious.append(((pred * target).sum() / ((pred + target) > 0).sum()).item())
        self.writer.add_scalar("val_iou", np.mean(ious), self.num_iterations)
        return np.mean(ious), np.mean(losses)


loaders = {"train": DataLoader(volumes(64, 0), config["loaders"]["batch_size"], shuffle=True),
           "val": DataLoader(volumes(24, 1), config["loaders"]["batch_size"])}
model = UNet3D(**config["model"])
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=config["optimizer"]["learning_rate"], weight_decay=config["optimizer"]["weight_decay"])
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
UNet3DTrainer(model, optimizer, criterion, loaders, writer, config["trainer"]["epochs"]).fit()
writer.close()
