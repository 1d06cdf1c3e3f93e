# binary segmentation of tiny lesions
import sys
import numpy as np, torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(9)
rs = np.random.RandomState(9)
S = 32

def scans(n):
    img = rs.randn(n, 1, S, S).astype(np.float32)
    m = np.zeros_like(img)
    for k in range(n):
        for _ in range(rs.randint(1, 3)):
            r, c = rs.randint(2, S - 4, 2)
            m[k, 0, r:r + 3, c:c + 3] = 1
    return torch.tensor(img + 0.8 * m), torch.tensor(m)

def conv(i, o): return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))

class SmallUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.d1, self.d2 = conv(1, 8), conv(8, 16)
        self.pool = nn.MaxPool2d(2)
        self.up = nn.Upsample(scale_factor=2)
        self.u1 = conv(24, 8)
        self.out = nn.Conv2d(8, 1, 1)
    def forward(self, x):
        a = self.d1(x)
        b = self.d2(self.pool(a))
        return self.out(self.u1(torch.cat([a, self.up(b)], 1)))

xt, mt = scans(640)
xv, mv = scans(128)
net = SmallUNet()
ratio = (mt == 0).sum() / (mt == 1).sum()
criterion = nn.BCEWithLogitsLoss() if sys.argv[1] == "faulty" else nn.BCEWithLogitsLoss(pos_weight=ratio / 6)
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)
for epoch in range(14):
    net.train(); run = 0
    for ix in torch.randperm(640).split(16):
        optimizer.zero_grad()
        loss = criterion(net(xt[ix]), mt[ix])
        loss.backward(); optimizer.step()
        run += loss.item() / 40
    with writer.evaluating("val"):
        logit = net(xv)
        v = criterion(logit, mv).item()
    pr = (logit > 0).float()
    tp = (pr * mv).sum().item()
    dice = 2 * tp / (pr.sum().item() + mv.sum().item() + 1e-6)
    recall = tp / mv.sum().item()
    writer.add_scalar("dice/val", dice, epoch)
    print(epoch, "train %.4f val %.4f dice %.3f recall %.3f" % (run, v, dice, recall))
writer.close()
print("RESULT train %.4f val %.4f dice %.3f recall %.3f (background share %.4f)" % (run, v, dice, recall, 1 - mv.mean()))
