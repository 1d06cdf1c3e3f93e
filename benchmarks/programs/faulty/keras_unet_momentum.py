import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

form = sys.argv[1]
logdir = sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.RandomState(3)

BN_MOMENTUM = 0.99 if form == "faulty" else 0.9


def make_cells(n, size=32):
    yy, xx = np.mgrid[:size, :size]
    images = np.zeros((n, 1, size, size), "float32")
    masks = np.zeros((n, 1, size, size), "float32")
    for i in range(n):
        img = 0.25 + 0.1 * rng.rand() + 0.004 * (rng.randn() * xx + rng.randn() * yy)
        mask = np.zeros((size, size), bool)
        for _ in range(rng.randint(2, 6)):
            cy, cx = rng.uniform(3, size - 3, 2)
            a, b = rng.uniform(2.5, 6, 2)
            t = rng.uniform(0, np.pi)
            u = (xx - cx) * np.cos(t) + (yy - cy) * np.sin(t)
            v = -(xx - cx) * np.sin(t) + (yy - cy) * np.cos(t)
            r = (u / a) ** 2 + (v / b) ** 2
            mask |= r < 1
            img = img + rng.uniform(0.15, 0.5) * np.exp(-r ** 2)
        images[i, 0] = img + 0.06 * rng.randn(size, size)
        masks[i, 0] = mask
    return torch.from_numpy(images), torch.from_numpy(masks)


def bn(ch):
    return nn.BatchNorm2d(ch, momentum=1 - BN_MOMENTUM, eps=1e-3)


def block(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, padding=1), bn(cout), nn.ReLU(),
                         nn.Conv2d(cout, cout, 3, padding=1), bn(cout), nn.ReLU())


class UNet(nn.Module):
    def __init__(self, f=8):
        super().__init__()
        self.d1, self.d2, self.mid = block(1, f), block(f, 2 * f), block(2 * f, 4 * f)
        self.up2 = nn.Sequential(nn.ConvTranspose2d(4 * f, 2 * f, 2, 2), bn(2 * f), nn.ReLU())
        self.u2 = block(4 * f, 2 * f)
        self.up1 = nn.Sequential(nn.ConvTranspose2d(2 * f, f, 2, 2), bn(f), nn.ReLU())
        self.u1 = block(2 * f, f)
        self.last = nn.Conv2d(f, 1, 1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(self.pool(a))
        c = self.mid(self.pool(b))
        x = self.u2(torch.cat([b, self.up2(c)], 1))
        x = self.u1(torch.cat([a, self.up1(x)], 1))
        return self.last(x)


def dice(logits, y):
    p = (logits > 0).float()
    return (2 * (p * y).sum() / (p.sum() + y.sum() + 1e-6)).item()


x_train, y_train = make_cells(240)
x_val, y_val = make_cells(120)
model = UNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.BCEWithLogitsLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

batch = 16
history = []
for epoch in range(12):
    model.train()
    order = torch.randperm(len(x_train))
    for k in range(0, len(order), batch):
        idx = order[k:k + batch]
        optimizer.zero_grad()
        loss = criterion(model(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        losses, dices = [], []
        for k in range(0, len(x_val), 40):
            out = model(x_val[k:k + 40])
            losses.append(criterion(out, y_val[k:k + 40]).item())
            dices.append(dice(out, y_val[k:k + 40]))
    history.append((np.mean(losses), np.mean(dices)))
    print(f"epoch {epoch + 1}: loss {loss.item():.4f} val_loss {history[-1][0]:.4f} val_dice {history[-1][1]:.4f}")
writer.close()
print("RESULT val loss mean %.4f worst %.4f last %.4f, val dice mean %.4f last %.4f" % (
    np.mean([h[0] for h in history]), max(h[0] for h in history), history[-1][0],
    np.mean([h[1] for h in history]), history[-1][1]))
