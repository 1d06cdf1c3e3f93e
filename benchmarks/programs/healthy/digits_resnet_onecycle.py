# %% [markdown]
# ## Digits with a little ResNet + OneCycle  (public notebook style)
# %%
import sys, random
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold
from tb_lossdiag import DiagWriter


class CFG:
    seed = 2024
    bs = 32
    max_lr = 0.01
    epochs = 8
    wd = 1e-2
    smoothing = 0.1


def seed_everything(s):
    random.seed(s); np.random.seed(s); torch.manual_seed(s)


seed_everything(CFG.seed)
torch.set_num_threads(1)


class DigitDS(Dataset):
    def __init__(self, x, y, aug=False):
        self.x, self.y, self.aug = x, y, aug

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        im = self.x[i].reshape(8, 8)
        if self.aug and random.random() < .5:
            im = np.roll(im, random.choice([-1, 1]), axis=random.choice([0, 1]))
        return torch.tensor(im[None].copy(), dtype=torch.float32), int(self.y[i])


class Block(nn.Module):
    def __init__(self, i, o, s):
        super().__init__()
        self.c1 = nn.Conv2d(i, o, 3, s, 1, bias=False); self.b1 = nn.BatchNorm2d(o)
        self.c2 = nn.Conv2d(o, o, 3, 1, 1, bias=False); self.b2 = nn.BatchNorm2d(o)
        self.short = nn.Identity() if s == 1 and i == o else nn.Sequential(nn.Conv2d(i, o, 1, s, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        h = torch.relu(self.b1(self.c1(x)))
        return torch.relu(self.b2(self.c2(h)) + self.short(x))


def build():
    return nn.Sequential(nn.Conv2d(1, 12, 3, 1, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU(), Block(12, 12, 1), Block(12, 24, 2), Block(24, 32, 2),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))


# %%
X, y = load_digits(return_X_y=True)
X = (X / 16 - .305) / .376
tr, va = next(StratifiedKFold(5, shuffle=True, random_state=CFG.seed).split(X, y))
train_dl = DataLoader(DigitDS(X[tr], y[tr], True), batch_size=CFG.bs, shuffle=True, drop_last=True)
valid_dl = DataLoader(DigitDS(X[va], y[va]), batch_size=120)
model = build()
optimizer = torch.optim.AdamW(model.parameters(), lr=CFG.max_lr / 25, weight_decay=CFG.wd)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, CFG.max_lr, epochs=CFG.epochs, steps_per_epoch=len(train_dl))
criterion = nn.CrossEntropyLoss(label_smoothing=CFG.smoothing)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
# %%
for epoch in range(CFG.epochs):
    model.train()
    tl = []
    for xb, yb in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        scheduler.step()
        tl.append(loss.item())
    model.eval()
    vl, ok, n = 0., 0, 0
    with writer.evaluating("val"):
        for xb, yb in valid_dl:
            o = model(xb)
            vl += criterion(o, yb).item() * len(yb); ok += (o.argmax(1) == yb).sum().item(); n += len(yb)
    print(f"epoch {epoch} | train {np.mean(tl):.4f} | valid {vl / n:.4f} | acc {ok / n:.4f}")
writer.close()
print(f"RESULT val_loss {vl / n:.4f} val_acc {ok / n:.4f} smoothing_floor {-(0.91 * np.log(.91) + 9 * .01 * np.log(.01)):.4f}")
