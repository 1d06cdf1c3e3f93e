# tiny U-Net for small bright lesions in noisy 32x32 slices
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)


class Lesions(Dataset):
    def __init__(self, n, seed):
        r = np.random.RandomState(seed)
        self.img = r.normal(0, 1, (n, 1, 24, 24)).astype(np.float32)
        self.mask = np.zeros((n, 1, 24, 24), np.float32)
        for i in range(n):
            if r.rand() < 0.7:
                a, b = r.randint(1, 20, 2)
                self.mask[i, 0, a:a + 3, b:b + 3] = 1
        self.img += 1.1 * self.mask

    def __len__(self):
        return len(self.img)

    def __getitem__(self, i):
        return self.img[i], self.mask[i]


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.d1, self.d2 = block(1, c), block(c, 2 * c)
        self.pool = nn.MaxPool2d(2)
        self.up = nn.Upsample(scale_factor=2)
        self.u1 = block(3 * c, c)
        self.out = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.up(self.d2(self.pool(a)))
        return self.out(self.u1(torch.cat([a, b], 1)))


def main(mode, logdir):
    train_loader = DataLoader(Lesions(600, 0), 16, shuffle=True)
    val_loader = DataLoader(Lesions(200, 1), 50)
    model = UNet()
    pos_weight = None if mode == "faulty" else torch.tensor([30.0])
    loss_fn = nn.BCEWithLogitsLoss(pos_weight=pos_weight)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, loss_fn, train_loader=train_loader)
    for epoch in range(14):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
        tp = fp = fn = 0
        vl = 0
        with writer.evaluating("val"):
            for x, y in val_loader:
                o = model(x)
                vl += loss_fn(o, y).item() / len(val_loader)
                p = (o > 0).float()
                tp += (p * y).sum().item(); fp += (p * (1 - y)).sum().item(); fn += ((1 - p) * y).sum().item()
        print(f"ep {epoch} train {loss.item():.4f} val {vl:.4f} dice {2*tp/(2*tp+fp+fn+1e-9):.3f} recall {tp/(tp+fn):.3f}")
    writer.close()


main(*sys.argv[1:3])
