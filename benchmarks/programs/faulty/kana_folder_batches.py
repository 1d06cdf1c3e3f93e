"""Character images read folder by folder (digits set), LeNet-ish."""
import sys, torch, torch.nn as nn, numpy as np
from torch.utils.data import Dataset, DataLoader
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter
torch.manual_seed(0); torch.set_num_threads(1); form, logdir = sys.argv[1:3]
class Folder(Dataset):
    def __init__(self, train):
        d = load_digits(); self.items = []
        for c in range(10):
            ims = d.images[d.target == c]; k = int(.8 * len(ims))
            self.items += [(im, c) for im in (ims[:k] if train else ims[k:])]
    def __len__(self): return len(self.items)
    def __getitem__(self, i):
        im, c = self.items[i]; return torch.tensor(im[None] / 8 - 1, dtype=torch.float32), c
tr = DataLoader(Folder(True), batch_size=32, shuffle=form == "fixed"); te = DataLoader(Folder(False), batch_size=100)
model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.SGD(model.parameters(), lr=.02, momentum=.9); ce = nn.CrossEntropyLoss()
w = DiagWriter(logdir); w.watch(model, opt, ce)
for ep in range(12):
    for x, y in tr:
        opt.zero_grad(); l = ce(model(x), y); l.backward(); opt.step()
    n = s = 0
    with w.evaluating("test"):
        for x, y in te:
            o = model(x); ce(o, y); s += (o.argmax(1) == y).sum().item(); n += len(y)
    print(ep, s / n)
w.close(); print("RESULT test_acc %.4f" % (s / n))
