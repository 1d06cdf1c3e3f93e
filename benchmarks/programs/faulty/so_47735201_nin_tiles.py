import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.RandomState(0)


def make_images(n):
    # ten kinds of 32x32 colour pictures: stripes, rings or spots of several periods in several hues
    y = rng.randint(0, 10, n)
    xx, yy = np.meshgrid(np.arange(32), np.arange(32))
    imgs = np.zeros((n, 3, 32, 32), dtype=np.float32)
    hues = rng.rand(10, 3) * 0.5 + 0.25
    for i, c in enumerate(y):
        phase = rng.rand() * 6.28
        angle = (c % 5) * np.pi / 5 + rng.randn() * 0.08
        period = 5.0 if c < 5 else 9.0
        wave = np.sin(2 * np.pi * (xx * np.cos(angle) + yy * np.sin(angle)) / period + phase)
        tint = hues[c] + rng.randn(3) * 0.15
        imgs[i] = tint[:, None, None] + 0.18 * wave + rng.randn(3, 32, 32) * 0.15
    return torch.tensor(np.clip(imgs, 0, 1)), torch.tensor(y)


x_all, y_all = make_images(1500)
n_val = 300
train_dl = DataLoader(TensorDataset(x_all[:-n_val], y_all[:-n_val]), batch_size=32, shuffle=True)
val_dl = DataLoader(TensorDataset(x_all[-n_val:], y_all[-n_val:]), batch_size=100)


class MlpConv(nn.Module):
    def __init__(self, cin, cout, k):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(cin, cout, k), nn.Conv2d(cout, cout, 1), nn.Conv2d(cout, cout, 1)

    def forward(self, x):
        x = F.relu(self.c(F.relu(self.b(F.relu(self.a(x))))))
        return F.dropout(F.max_pool2d(x, 2), 0.5, self.training)


class NinCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.block1, self.block2 = MlpConv(3, 32, 5), MlpConv(32, 64, 3)
        self.conv7, self.conv8, self.conv9 = nn.Conv2d(64, 128, 3), nn.Conv2d(128, 32, 1), nn.Conv2d(32, 10, 1)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        x = self.block2(self.block1(x))
        x = self.conv9(F.relu(self.conv8(F.relu(self.conv7(x)))))
        if form == "faulty":
            x = F.relu(x)
        return F.log_softmax(x.mean((2, 3)), dim=1)


model = NinCnn()
optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, F.nll_loss)

for epoch in range(20):
    model.train()
    run, acc = 0.0, 0
    for xb, yb in train_dl:
        out = model(xb)
        loss = F.nll_loss(out, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run += loss.item() * len(yb)
        acc += (out.argmax(1) == yb).sum().item()
    model.eval()
    vl = va = 0.0
    with torch.no_grad():
        for xb, yb in val_dl:
            out = model(xb)
            vl += F.nll_loss(out, yb).item() * len(yb)
            va += (out.argmax(1) == yb).sum().item()
    n = len(train_dl.dataset)
    print(f"epoch {epoch + 1} loss {run / n:.4f} acc {acc / n:.4f} val_loss {vl / n_val:.4f} val_acc {va / n_val:.4f}")

writer.close()
print(f"RESULT val loss {vl / n_val:.4f} val acc {va / n_val:.4f}")
