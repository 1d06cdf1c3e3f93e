import sys
import math
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

# Rock / paper / scissors hands (drawn), 3 classes, "four convs and a dense" net from the TensorFlow course, with augmentation
torch.set_num_threads(1)
torch.manual_seed(31)
S = 28
yy, xx = torch.meshgrid(torch.linspace(-1, 1, S), torch.linspace(-1, 1, S), indexing="ij")


def capsule(x0, y0, x1, y1, r):
    dx, dy = x1 - x0, y1 - y0
    t = (((xx - x0) * dx + (yy - y0) * dy) / (dx * dx + dy * dy + 1e-6)).clamp(0, 1)
    return (((xx - x0 - t * dx) ** 2 + (yy - y0 - t * dy) ** 2).sqrt() < r)


def hand(kind):
    m = capsule(0, .2, 0, .35, .32) | capsule(0, .5, 0, 1.1, .2)
    spread = 1 + .2 * torch.randn(()).item()
    fingers = {0: [], 1: [-.42, -.14, .14, .42], 2: [-.25, .25]}[kind]
    for f in fingers:
        a = f * spread + .06 * torch.randn(()).item()
        L = .85 + .08 * torch.randn(()).item()
        m = m | capsule(.45 * f, .05, .45 * f + L * math.sin(a), .05 - L * math.cos(a), .085)
    if kind == 1:
        m = m | capsule(.25, .3, .75, .05, .085)
    skin = torch.tensor([.85, .65, .5]) + .12 * torch.randn(3)
    bg = torch.rand(1) * .3 + .65 if torch.rand(()) < .5 else torch.rand(1) * .3 + .1
    return torch.where(m, skin[:, None, None], bg[:, None, None]) + .06 * torch.randn(3, S, S)


class Hands(Dataset):
    def __init__(self, n, augment):
        self.y = torch.randint(0, 3, (n,))
        self.x = torch.stack([hand(int(k)) for k in self.y])
        self.augment = augment

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        if self.augment:
            a = (torch.rand(()) - .5) * 1.0
            z = .85 + .3 * torch.rand(())
            th = torch.stack([torch.stack([z * a.cos(), -z * a.sin(), (torch.rand(()) - .5) * .3]), torch.stack([z * a.sin(), z * a.cos(), (torch.rand(()) - .5) * .3])])
            g = nn.functional.affine_grid(th[None], (1, 3, S, S), align_corners=False)
            x = nn.functional.grid_sample(x[None], g, padding_mode="border", align_corners=False)[0]
            if torch.rand(()) < .5:
                x = x.flip(2)
        return (x - .5) / .25, self.y[i]


train_dl = DataLoader(Hands(1500, True), batch_size=50, shuffle=True)
val_dl = DataLoader(Hands(372, False), batch_size=124)
model = nn.Sequential(
    nn.Conv2d(3, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(32, 32, 3), nn.ReLU(),
    nn.Flatten(), nn.Dropout(.5), nn.Linear(32 * 9, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)
for epoch in range(15):
    model.train()
    tl = 0
    for x, y in train_dl:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        tl += loss.item() / len(train_dl)
    model.eval()
    with writer.evaluating("val"):
        vl = acc = 0
        for x, y in val_dl:
            o = model(x)
            vl += loss_fn(o, y).item() / len(val_dl)
            acc += (o.argmax(1) == y).sum().item() / 372
    print(f"Epoch {epoch + 1}/15 loss: {tl:.4f} val_loss: {vl:.4f} val_accuracy: {acc:.4f}")
writer.close()
print(f"RESULT loss={tl:.4f} val_loss={vl:.4f} val_acc={acc:.4f}")
