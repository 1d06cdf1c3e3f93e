import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(9); rng = np.random.RandomState(9)
LR = 8e-3
d = load_digits()


def canvas(img):
    c = np.zeros((12, 12), "float32")
    a, b = rng.randint(0, 5, 2)
    c[a:a + 8, b:b + 8] = img / 8
    return c - 0.9 + rng.normal(0, 0.3, c.shape).astype("float32")


def make(classes, copies):
    keep = np.isin(d.target, classes)
    x = np.concatenate([np.stack([canvas(i) for i in d.images[keep]]) for _ in range(copies)])
    y = np.concatenate([[list(classes).index(t) for t in d.target[keep]]] * copies)
    return torch.tensor(x)[:, None], torch.tensor(y)


def stage(i, o, pool):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2) if pool else nn.Identity())


class Net(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.features = nn.Sequential(stage(1, 16, False), stage(16, 32, True), stage(32, 48, True))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(48 * 9, k))

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


base = Net(6)
xs, ys = make([0, 1, 2, 3, 4, 5], 2)
o = torch.optim.Adam(base.parameters(), 1e-3)
for _ in range(5):
    for i in torch.randperm(len(ys)).split(64):
        o.zero_grad(); nn.functional.cross_entropy(base(xs[i]), ys[i]).backward(); o.step()

net = Net(4)
net.features.load_state_dict(base.features.state_dict())
x, y = make([6, 7, 8, 9], 1)
p = torch.randperm(len(y))
x, y = x[p], y[p]
train = DataLoader(TensorDataset(x[:540], y[:540]), 16, shuffle=True)
valid = DataLoader(TensorDataset(x[540:], y[540:]), 64)
for q in net.features.parameters():
    q.requires_grad_(False)
opt = torch.optim.AdamW([{"params": net.features[2].parameters(), "lr": LR / 5},
                         {"params": net.classifier.parameters(), "lr": LR}], weight_decay=0.05)
EPOCHS, UNFREEZE = 14, 5
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS)
criterion = nn.CrossEntropyLoss()
w = DiagWriter(sys.argv[1])
w.watch(net, opt, criterion, train_loader=train)
for epoch in range(EPOCHS):
    if epoch == UNFREEZE:
        for q in net.features[2].parameters():
            q.requires_grad_(True)
    net.train()
    net.features[:2].eval()
    tl = []
    for a, b in train:
        a = torch.roll(a, (int(rng.randint(-1, 2)), int(rng.randint(-1, 2))), (2, 3))
        opt.zero_grad()
        loss = criterion(net(a), b)
        loss.backward()
        opt.step()
        tl.append(loss.item())
    sched.step()
    with w.evaluating("val"):
        vl, ok = 0, 0
        for a, b in valid:
            out = net(a)
            vl += criterion(out, b).item() * len(b); ok += (out.argmax(1) == b).sum().item()
    print(f"{epoch} train {np.mean(tl):.4f} val {vl / (len(y) - 540):.4f} acc {ok / (len(y) - 540):.3f}")
w.close()
