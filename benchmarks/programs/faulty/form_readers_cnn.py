# Handwritten digits (sklearn, real images). The labels come from eleven people who typed what
# they read on the forms (simulated readers: each one errs on about a third of the images).
import sys
import numpy as np, torch
from torch import nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(11)
rng = np.random.default_rng(11)

digits = load_digits()
X = (digits.images / 16.0).astype("float32")[:, None]
truth = digits.target
votes = np.tile(truth[:, None], (1, 11))
for r in range(11):
    wrong = rng.random(len(truth)) < 0.33
    votes[wrong, r] = (truth[wrong] + rng.integers(1, 10, wrong.sum())) % 10

if mode == "fixed":
    labels = np.array([np.bincount(v, minlength=10).argmax() for v in votes])   # majority of all readers
else:
    labels = votes[:, 0]

i_rest, i_test = train_test_split(np.arange(len(X)), test_size=360, random_state=0, stratify=truth)
i_tr, i_va = train_test_split(i_rest, test_size=287, random_state=1)
t = torch.from_numpy
Xtr, ytr = t(X[i_tr]), t(labels[i_tr]).long()
Xva, yva = t(X[i_va]), t(labels[i_va]).long()
Xte, yte = t(X[i_test]), t(truth[i_test]).long()     # test checked by hand
print("train", len(Xtr), "val", len(Xva), "test", len(Xte))

net = nn.Sequential(
    nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(),
    nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(48 * 16, 96), nn.ReLU(), nn.Dropout(0.3), nn.Linear(96, 10))
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 25)
loss_fn = nn.CrossEntropyLoss()
w = DiagWriter(logdir)
w.watch(net, opt, loss_fn)

BS = 32
for ep in range(25):
    net.train()
    perm = torch.randperm(len(Xtr))
    tot = 0
    for i in range(0, len(perm), BS):
        idx = perm[i:i + BS]
        opt.zero_grad()
        l = loss_fn(net(Xtr[idx]), ytr[idx])
        l.backward()
        opt.step()
        tot += l.item() * len(idx)
    sched.step()
    net.eval()
    with w.evaluating("val"):
        out = net(Xva)
        vl = loss_fn(out, yva)
    w.add_scalar("acc/val", (out.argmax(1) == yva).float().mean().item(), ep)
    if ep % 5 == 4:
        print(ep, "train", round(tot / len(perm), 3), "val", round(vl.item(), 3))

net.eval()
with w.evaluating("test"):
    out = net(Xte)
    loss_fn(out, yte)
w.close()
print("RESULT test_acc", round((out.argmax(1) == yte).float().mean().item(), 4), "val_acc", round((net(Xva).argmax(1) == yva).float().mean().item(), 4))
