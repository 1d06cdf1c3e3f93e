import sys
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(2024)

# 28 anonymised components + log amount, 1.5 % fraud
def transactions(n, seed):
    r = np.random.RandomState(seed)
    y = (r.rand(n) < .015).astype("float32")
    A = np.random.RandomState(99).randn(28, 28) / np.sqrt(28)
    z = r.standard_t(6, (n, 28))
    kind = r.randint(0, 3, n)
    f = y == 1
    for k, dims in enumerate([(0, 3, 7), (1, 4), (2, 5, 9, 11)]):
        m = f & (kind == k)
        for d in dims:
            z[m, d] = z[m, d] * .6 + 2.4 * (1 if (d + k) % 2 else -1)
        if k == 1:
            z[m, 6] *= 3.
    X = z @ A + .1 * r.randn(n, 28)
    amt = r.normal(3, 1.2, n) + .7 * y
    return np.c_[X, amt].astype("float32"), y


class FocalLoss(nn.Module):
    def __init__(self, alpha=.75, gamma=2.):
        super().__init__()
        self.alpha, self.gamma = alpha, gamma
    def forward(self, logit, t):
        ce = F.binary_cross_entropy_with_logits(logit, t, reduction="none")
        pt = torch.exp(-ce)
        a = self.alpha * t + (1 - self.alpha) * (1 - t)
        return (a * (1 - pt) ** self.gamma * ce).mean()


class FraudNet(nn.Module):
    def __init__(self, d=29):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(.2), nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(.2))
        self.out = nn.Linear(32, 1)
        nn.init.constant_(self.out.bias, -np.log((1 - .01) / .01))     # prior, as in the RetinaNet paper
    def forward(self, x):
        return self.out(self.net(x)).squeeze(1)


(Xa, ya), (Xb, yb), (Xc, yc) = transactions(40000, 0), transactions(12000, 1), transactions(12000, 2)
sc = StandardScaler().fit(Xa)
mk = lambda X, y: TensorDataset(torch.tensor(sc.transform(X)), torch.tensor(y))
train_loader = DataLoader(mk(Xa, ya), 512, shuffle=True)
val_loader = DataLoader(mk(Xb, yb), 4096); test_loader = DataLoader(mk(Xc, yc), 4096)
model = FraudNet()
criterion = FocalLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-5)
EPOCHS = 14
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion, train_loader=train_loader)


def evaluate(loader, split):
    ps, ts, ls = [], [], []
    with writer.evaluating(split):
        for x, y in loader:
            o = model(x)
            ls.append(criterion(o, y).item() * len(x)); ps.append(o); ts.append(y)
    p, t = torch.cat(ps).numpy(), torch.cat(ts).numpy()
    return sum(ls) / len(t), average_precision_score(t, p), roc_auc_score(t, p)


for epoch in range(EPOCHS):
    model.train(); run = 0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward(); optimizer.step()
        run += loss.item()
    sched.step()
    l, ap, auc = evaluate(val_loader, "val")
    writer.add_scalar("val/auprc", ap, epoch)
    print(f"[{epoch}] train {run / len(train_loader):.5f} val {l:.5f} AP {ap:.3f} AUC {auc:.3f}")
print("TEST loss %.5f AP %.3f AUC %.3f" % evaluate(test_loader, "test"))
writer.close()
