# 3D U-Net for nuclei in confocal stacks (small version of our lab's trainer)
import sys
import numpy as np
import torch
import torch.nn as nn
from scipy.ndimage import gaussian_filter
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

FAULTY = sys.argv[1] == "faulty"
torch.set_num_threads(1)
torch.manual_seed(3)


class StackDataset(Dataset):
    """Random stacks with ellipsoidal nuclei, blur, shot noise and some debris that is not annotated."""

    def __init__(self, n, seed):
        rng = np.random.RandomState(seed)
        self.raw, self.label = [], []
        zz, yy, xx = np.mgrid[:16, :16, :16]
        for _ in range(n):
            vol = np.zeros((16, 16, 16), np.float32)
            lab = np.zeros_like(vol)
            for _ in range(rng.randint(3, 7)):
                c = rng.uniform(2, 14, 3)
                r = rng.uniform(2.5, 4.5, 3)
                m = ((zz - c[0]) / r[0]) ** 2 + ((yy - c[1]) / r[1]) ** 2 + ((xx - c[2]) / r[2]) ** 2 < 1
                vol[m] += rng.uniform(0.5, 1.2)
                lab[m] = 1
            for _ in range(rng.randint(3, 9)):
                z, y, x = rng.randint(0, 16, 3)
                vol[z, y, x] += rng.uniform(2, 6)
            vol = gaussian_filter(vol, 0.9) + 0.35 * rng.randn(16, 16, 16)
            self.raw.append(((vol - vol.mean()) / vol.std()).astype(np.float32))
            self.label.append(lab)

    def __len__(self):
        return len(self.raw)

    def __getitem__(self, i):
        return torch.from_numpy(self.raw[i])[None], torch.from_numpy(self.label[i])[None]


def double_conv(i, o):
    return nn.Sequential(nn.Conv3d(i, o, 3, padding=1), nn.GroupNorm(2, o), nn.ReLU(inplace=True),
                         nn.Conv3d(o, o, 3, padding=1), nn.GroupNorm(2, o), nn.ReLU(inplace=True))


class UNet3D(nn.Module):
    def __init__(self, in_channels, out_channels, f=6, testing=False):
        super().__init__()
        self.testing = testing
        self.enc1, self.enc2, self.enc3 = double_conv(in_channels, f), double_conv(f, 2 * f), double_conv(2 * f, 4 * f)
        self.pool = nn.MaxPool3d(2)
        self.dec2, self.dec1 = double_conv(6 * f, 2 * f), double_conv(3 * f, f)
        self.final_conv = nn.Conv3d(f, out_channels, 1)
        self.final_activation = nn.Sigmoid()

    def forward(self, x):
        e1 = self.enc1(x)
        e2 = self.enc2(self.pool(e1))
        e3 = self.enc3(self.pool(e2))
        d2 = self.dec2(torch.cat([e2, nn.functional.interpolate(e3, size=e2.shape[2:])], 1))
        d1 = self.dec1(torch.cat([e1, nn.functional.interpolate(d2, size=e1.shape[2:])], 1))
        x = self.final_conv(d1)
        # apply final_activation (i.e. Sigmoid) only for prediction. During training the network outputs
        # logits and it's up to the loss to normalise them
        if (not self.training) if FAULTY else self.testing:
            x = self.final_activation(x)
        return x


class UNet3DTrainer:
    def __init__(self, model, optimizer, lr_scheduler, loss_criterion, loaders, max_num_epochs, writer):
        self.model, self.optimizer, self.scheduler = model, optimizer, lr_scheduler
        self.loss_criterion, self.loaders = loss_criterion, loaders
        self.max_num_epochs, self.writer = max_num_epochs, writer

    def fit(self):
        for epoch in range(self.max_num_epochs):
            self.model.train()
            losses = []
            for x, y in self.loaders["train"]:
                output = self.model(x)
                loss = self.loss_criterion(output, y)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
            val_loss, score = self.validate()
            self.scheduler.step()
            print(f"Epoch [{epoch}/{self.max_num_epochs - 1}] train loss {np.mean(losses):.4f} "
                  f"validation loss {val_loss:.4f} score {score:.4f}")
        return np.mean(losses), val_loss, score

    def validate(self):
        self.model.eval()
        losses, inter, total = [], 0., 0.
        with self.writer.evaluating("val"), torch.no_grad():
            for x, y in self.loaders["val"]:
                output = self.model(x)
                losses.append(self.loss_criterion(output, y).item())
                pred = (torch.sigmoid(output) > 0.5).float()
                inter += (pred * y).sum().item()
                total += (pred.sum() + y.sum()).item()
        return np.mean(losses), 2 * inter / total


writer = DiagWriter(sys.argv[2])
loaders = {"train": DataLoader(StackDataset(96, 0), batch_size=4, shuffle=True),
           "val": DataLoader(StackDataset(32, 1), batch_size=4)}
model = UNet3D(1, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
criterion = nn.BCEWithLogitsLoss()
writer.watch(model, optimizer, criterion)
tr, va, dice = UNet3DTrainer(model, optimizer, scheduler, criterion, loaders, 10, writer).fit()
writer.close()
print(f"RESULT train_loss={tr:.4f} val_loss={va:.4f} val_dice={dice:.4f}")
