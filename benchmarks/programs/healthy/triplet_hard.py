import sys
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter
torch.manual_seed(3); np.random.seed(3); torch.set_num_threads(1)

P, K, MARGIN = 10, 5, 0.3
d = load_digits()
X = torch.tensor(d.data / 16., dtype=torch.float32); X = (X - X.mean()) / X.std()
Y = torch.tensor(d.target)
perm = torch.randperm(len(X)); X, Y = X[perm], Y[perm]
gallery, gy, query, qy = X[:1300], Y[:1300], X[1300:], Y[1300:]
by_class = [torch.where(gy == c)[0] for c in range(10)]


class EmbeddingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
                                      nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(.3), nn.Linear(32 * 16, 32))

    def forward(self, x):
        x = x + 0.3 * torch.randn_like(x) if self.training else x
        return F.normalize(self.head(self.features(x.view(-1, 1, 8, 8)).flatten(1)))


class BatchHardTriplet(nn.Module):
    def __init__(self, margin):
        super().__init__()
        self.margin = margin

    def forward(self, emb, lab):
        dist = torch.cdist(emb, emb)
        same = lab[:, None] == lab[None]
        pos = (dist * same).max(1).values
        neg = (dist + 10. * same).min(1).values
        return F.relu(pos - neg + self.margin).mean()


def pk_batches(n):
    for _ in range(n):
        idx = torch.cat([c[torch.randint(len(c), (K,))] for c in by_class])
        yield gallery[idx], gy[idx]


net, criterion = EmbeddingNet(), BatchHardTriplet(MARGIN)
opt = torch.optim.Adam(net.parameters(), lr=8e-3)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.85)
w = DiagWriter(sys.argv[1])
w.watch(net, opt, criterion)
for epoch in range(20):
    net.train(); s = []
    for x, y in pk_batches(30):
        opt.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        opt.step()
        s.append(loss.item())
    sched.step()
    net.eval()
    with torch.no_grad(), w.evaluating("val"):
        q, g = net(query), net(gallery)
        v = np.mean([criterion(q[i:i + 100], qy[i:i + 100]).item() for i in range(0, 400, 100)])
        r1 = (gy[torch.cdist(q, g).argmin(1)] == qy).float().mean()
    if epoch % 4 == 3: print(epoch, 'loss %.4f val %.4f recall@1 %.3f' % (np.mean(s), v, r1))
w.close()
