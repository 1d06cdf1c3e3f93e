"""Small VGG on glyph cards (sklearn digits enlarged to 16x16 RGB cards, real images), torchvision-like transforms."""
import sys
import numpy as np, torch
import torch.nn as nn, torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

MODE, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1); torch.manual_seed(3)

class Compose:
    def __init__(self, ts): self.ts = ts
    def __call__(self, x):
        for t in self.ts: x = t(x)
        return x

class ToTensor:
    def __call__(self, x): return torch.from_numpy(x.astype(np.float32) / 255.).permute(2, 0, 1)

class Normalize:
    def __init__(self, mean, std): self.m, self.s = torch.tensor(mean)[:, None, None], torch.tensor(std)[:, None, None]
    def __call__(self, x): return (x - self.m) / self.s

class RandomShift:
    def __init__(self, k): self.k = k
    def __call__(self, x):
        dy, dx = torch.randint(-self.k, self.k + 1, (2,)).tolist()
        return torch.roll(x, (dy, dx), (1, 2))

MEAN, STD = [0.78, 0.74, 0.66], [0.22, 0.24, 0.27]
train_tf = Compose([ToTensor(), RandomShift(1), Normalize(MEAN, STD)])
val_tf = Compose([ToTensor()]) if MODE == "faulty" else Compose([ToTensor(), Normalize(MEAN, STD)])

class Cards(Dataset):
    """yellowish card with a dark glyph, uint8 HWC"""
    def __init__(self, ids, tf):
        d = load_digits()
        ink = np.kron(d.images[ids] / 16., np.ones((1, 2, 2)))[..., None]
        paper, pen = np.array([250, 240, 215.]), np.array([40, 40, 60.])
        self.x = (paper * (1 - ink) + pen * ink).astype(np.uint8)
        self.y, self.tf = d.target[ids], tf
    def __len__(self): return len(self.y)
    def __getitem__(self, i): return self.tf(self.x[i]), int(self.y[i])

def vgg(cfg=(16, 16, "M", 32, 32, "M"), cin=3):
    ls = []
    for v in cfg:
        if v == "M": ls.append(nn.MaxPool2d(2))
        else:
            ls += [nn.Conv2d(cin, v, 3, padding=1), nn.ReLU(inplace=True)]; cin = v
    return nn.Sequential(*ls, nn.Flatten(), nn.Linear(32 * 16, 64), nn.ReLU(inplace=True), nn.Dropout(.4), nn.Linear(64, 10))

perm = np.random.default_rng(0).permutation(1797)
train_dl = DataLoader(Cards(perm[:1350], train_tf), batch_size=32, shuffle=True)
val_dl = DataLoader(Cards(perm[1350:], val_tf), batch_size=128)
net = vgg()
opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
EPOCHS = 16
sched = torch.optim.lr_scheduler.OneCycleLR(opt, 0.03, total_steps=EPOCHS * len(train_dl))
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(LOGDIR)
writer.watch(net, opt, criterion)
for ep in range(EPOCHS):
    net.train(); tl = ta = 0
    for x, y in train_dl:
        opt.zero_grad()
        o = net(x); loss = criterion(o, y)
        loss.backward(); opt.step(); sched.step()
        tl += loss.item() * len(y); ta += (o.argmax(1) == y).sum().item()
    net.eval(); va = 0
    with writer.evaluating("val"):
        for x, y in val_dl:
            o = net(x); criterion(o, y); va += (o.argmax(1) == y).sum().item()
    print(f"[{ep:02d}] train loss {tl/1350:.3f} acc {ta/1350:.3f} | val acc {va/447:.3f}")
writer.close()
print("RESULT val_acc", round(va / 447, 4), "train_acc", round(ta / 1350, 4))
