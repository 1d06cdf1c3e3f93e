import sys, torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(42)

def sample_cloud(k, n):
    u = torch.randn(n, 64, 3)
    if k == 0:   # ball
        p = u / u.norm(dim=-1, keepdim=True)
    elif k == 1:  # box
        p = torch.rand(n, 64, 3) * 2 - 1
        ax = torch.randint(0, 3, (n, 64, 1))
        p.scatter_(2, ax, torch.sign(torch.randn(n, 64, 1)))
        p = p * .8
    elif k == 2:  # cylinder
        a = torch.rand(n, 64) * 6.283
        p = torch.stack([a.cos(), a.sin(), torch.rand(n, 64) * 2 - 1], -1) * .85
    elif k == 3:  # cone
        a = torch.rand(n, 64) * 6.283; h = torch.rand(n, 64).sqrt()
        p = torch.stack([h * a.cos(), h * a.sin(), 1 - 2 * h], -1)
    else:  # ring
        a, b = torch.rand(n, 64) * 6.283, torch.rand(n, 64) * 6.283
        p = torch.stack([(1 + .3 * b.cos()) * a.cos(), (1 + .3 * b.cos()) * a.sin(), .5 * b.sin()], -1) * .8
    s = 1 + .2 * torch.randn(n, 1, 3)
    ang = .6 * torch.randn(n)
    R = torch.zeros(n, 3, 3); R[:, 0, 0] = ang.cos(); R[:, 0, 2] = ang.sin(); R[:, 1, 1] = 1; R[:, 2, 0] = -ang.sin(); R[:, 2, 2] = ang.cos()
    return (p * s) @ R + .12 * torch.randn(n, 64, 3)

def dataset(n_each):
    xs = torch.cat([sample_cloud(k, n_each) for k in range(5)])
    ys = torch.arange(5).repeat_interleave(n_each)
    i = torch.randperm(len(xs))
    return xs[i], ys[i]

class PointNet(nn.Module):
    def __init__(self):
        super(PointNet, self).__init__()
        self.mlp1 = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 96), nn.ReLU())
        self.fc1 = nn.Linear(96, 48)
        self.drop = nn.Dropout(0.1)
        self.fc2 = nn.Linear(48, 5)
    def forward(self, pts):
        f = self.mlp1(pts).max(dim=1)[0]
        return self.fc2(self.drop(torch.relu(self.fc1(f))))

Xtr, Ytr = dataset(600)
Xte, Yte = dataset(160)
net = PointNet()
lr = 2e-3
if sys.argv[1] == 'faulty':
    lr = 1e-4
optimizer = torch.optim.Adam(net.parameters(), lr=lr, betas=(0.9, 0.999))
criterion = nn.CrossEntropyLoss()
dw = DiagWriter(sys.argv[2])
dw.watch(net, optimizer, criterion)
for epoch in range(20):
    net.train()
    idx = torch.randperm(len(Xtr)); running = 0
    for b in idx.split(32):
        optimizer.zero_grad()
        loss = criterion(net(Xtr[b]), Ytr[b]); loss.backward(); optimizer.step()
        running += loss.item() * len(b)
    net.eval(); correct = 0; vloss = 0
    with torch.no_grad():
        for x, y in zip(Xte.split(200), Yte.split(200)):
            o = net(x)
            vloss += criterion(o, y).item() * len(y)
            correct += int((o.argmax(1) == y).sum())
    print('epoch %d loss %.3f val %.3f acc %.3f' % (epoch + 1, running / len(Xtr), vloss / len(Xte), correct / len(Xte)))
dw.close()
