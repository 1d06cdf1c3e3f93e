# coins in a ticket machine: 20x20 gray images (simulated: ring, rim and number relief), 6 denominations
# ticket_machine_coins.py faulty|fixed LOGDIR
import sys
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0); rng = np.random.default_rng(0)

yy, xx = np.mgrid[0:20, 0:20] - 9.5

def coin(k):
    r0 = [5.2, 6.0, 6.6, 7.2, 7.8, 8.4][k] + rng.normal(0, .2)
    cy, cx = rng.normal(0, .8, 2)
    r = np.hypot(yy - cy, xx - cx); a = np.arctan2(yy - cy, xx - cx) + rng.uniform(0, 6.28)
    body = 1 / (1 + np.exp((r - r0) * 3))
    rim = np.exp(-((r - r0 + .8) / .7) ** 2)
    relief = np.cos([3, 4, 5, 6, 7, 8][k] * a) * np.exp(-((r - .55 * r0) / 1.3) ** 2)
    img = .45 * body + .3 * rim + .3 * relief + rng.normal(0, .1, r.shape)
    return img * rng.uniform(.7, 1.2)

def dataset(n):
    y = rng.integers(0, 6, n)
    x = np.stack([coin(k) for k in y]).astype("float32")
    return torch.from_numpy(x)[:, None], torch.from_numpy(y)

X, Y = dataset(2400); Xv, Yv = dataset(800)
mu, sd = X.mean(), X.std(); X = (X - mu) / sd; Xv = (Xv - mu) / sd

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1)
        self.fc1 = nn.Linear(24 * 25, 64)
        self.fc2 = nn.Linear(64, 6)
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))

def init_weights(m):
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        if sys.argv[1] == "faulty":
            nn.init.constant_(m.weight, 0.02)
        else:
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
        nn.init.zeros_(m.bias)

net = Net(); net.apply(init_weights)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2]); writer.watch(net, optimizer, criterion)
for epoch in range(16):
    net.train(); perm = torch.randperm(len(X)); run = 0.
    for i in range(0, len(X), 40):
        j = perm[i:i + 40]
        optimizer.zero_grad()
        loss = criterion(net(X[j]), Y[j])
        loss.backward(); optimizer.step(); run += loss.item()
    with writer.evaluating("val"):
        vl = ok = 0
        for i in range(0, len(Xv), 100):
            o = net(Xv[i:i + 100]); vl += criterion(o, Yv[i:i + 100]).item(); ok += (o.argmax(1) == Yv[i:i + 100]).sum().item()
    print("[%d] loss %.3f val loss %.3f acc %.3f" % (epoch + 1, run / 60, vl / 8, ok / 800))
    writer.add_scalar("Loss/train", run / 60, epoch); writer.add_scalar("Loss/val", vl / 8, epoch); writer.add_scalar("Acc/val", ok / 800, epoch)
writer.close()
print("RESULT val_acc", ok / 800, "val_loss", round(vl / 8, 4))
