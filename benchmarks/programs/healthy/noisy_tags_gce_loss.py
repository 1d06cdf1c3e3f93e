"""Generalized cross entropy (Zhang & Sabuncu 2018), q = 0.7, on digits whose tags are 30 % random (train and val alike;
a small clean test set).  The loss cannot fall below about 0.27 / 0.7 and the tag accuracy is at most 0.73."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)
rng = np.random.default_rng(4)


class GCELoss(nn.Module):
    def __init__(self, q=0.7):
        super().__init__()
        self.q = q

    def forward(self, logits, target):
        p = logits.softmax(1).gather(1, target[:, None]).squeeze(1)
        return ((1 - p.clamp_min(1e-7) ** self.q) / self.q).mean()


X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32).reshape(-1, 1, 8, 8)
X, X_test, y, y_test = train_test_split(X, y, test_size=300, random_state=4)
y = np.where(rng.random(len(y)) < .3, rng.integers(0, 10, len(y)), y)
X_tr, X_va, y_tr, y_va = map(torch.as_tensor, train_test_split(X, y, test_size=300, random_state=4))
X_test, y_test = torch.as_tensor(X_test), torch.as_tensor(y_test)

net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
                    nn.Flatten(), nn.Dropout(.25), nn.Linear(128, 10))
opt = torch.optim.SGD(net.parameters(), lr=.05, momentum=.9, weight_decay=5e-4)
epochs = 20
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=.05, epochs=epochs, steps_per_epoch=len(X_tr) // 32)
gce = GCELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, gce)
for epoch in range(epochs):
    net.train()
    perm = torch.randperm(len(X_tr))
    for i in range(len(X_tr) // 32):
        b = perm[32 * i:32 * i + 32]
        loss = gce(net(X_tr[b]), y_tr[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
    net.eval()
    with writer.evaluating("val"), torch.no_grad():
        o = net(X_va)
        v, a = gce(o, y_va).item(), (o.argmax(1) == y_va).float().mean().item()
    with torch.no_grad():
        clean = (net(X_test).argmax(1) == y_test).float().mean().item()
    print(f"{epoch:2d} train {loss.item():.3f} val {v:.3f} tag acc {a:.3f} clean test acc {clean:.3f}")
writer.close()
print(f"RESULT val {v:.4f} tag_acc {a:.4f} clean_test_acc {clean:.4f}")
