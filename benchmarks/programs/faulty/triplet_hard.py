import sys, argparse
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("form"); ap.add_argument("logdir")
ap.add_argument("--margin", type=float, default=0.5)
ap.add_argument("--P", type=int, default=8)
ap.add_argument("--K", type=int, default=6)
ap.add_argument("--emb_dim", type=int, default=32)
ap.add_argument("--steps", type=int, default=480)
opt = ap.parse_args()
lr = 1e-1 if opt.form == "faulty" else 1e-3
torch.manual_seed(13); np.random.seed(13); torch.set_num_threads(1)

d = load_digits()
X = torch.tensor(d.images / 16.0, dtype=torch.float32)[:, None]
X = (X - X.mean()) / X.std()
Y = torch.tensor(d.target)
perm = torch.randperm(len(X))
Xtr, Ytr, Xte, Yte = X[perm[:1300]], Y[perm[:1300]], X[perm[1300:]], Y[perm[1300:]]
by_class = [torch.where(Ytr == c)[0] for c in range(10)]


class EmbeddingNet(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
                                  nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2))
        self.fc = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, dim))

    def forward(self, x):
        return self.fc(self.conv(x).flatten(1))


class BatchHardTriplet(nn.Module):
    def __init__(self, margin):
        super().__init__()
        self.margin = margin

    def forward(self, emb, labels):
        d2 = (emb[:, None] - emb[None]).pow(2).sum(-1)
        dist = (d2 + 1e-12).sqrt()
        same = labels[:, None] == labels[None]
        hardest_pos = (dist * same).amax(1)
        hardest_neg = (dist + 1e6 * same).amin(1)
        return F.relu(hardest_pos - hardest_neg + self.margin).mean()


def sample_batch(pools):
    cs = np.random.choice(10, opt.P, replace=False)
    return torch.cat([pools[c][torch.randperm(len(pools[c]))[:opt.K]] for c in cs])


net, crit = EmbeddingNet(opt.emb_dim), BatchHardTriplet(opt.margin)
optim = torch.optim.Adam(net.parameters(), lr=lr)
writer = DiagWriter(opt.logdir)
writer.watch(net, optim, crit)
te_class = [torch.where(Yte == c)[0] for c in range(10)]
run = []
for step in range(1, opt.steps + 1):
    net.train()
    idx = sample_batch(by_class)
    loss = crit(net(Xtr[idx]), Ytr[idx])
    optim.zero_grad(); loss.backward(); optim.step()
    run.append(loss.item())
    if step % 80 == 0:
        net.eval()
        with torch.no_grad():
            with writer.evaluating("val"):
                vl = np.mean([crit(net(Xte[i]), Yte[i]).item() for i in [sample_batch(te_class) for _ in range(6)]])
            e = net(Xte)
            dd = torch.cdist(e, e) + 1e6 * torch.eye(len(e))
            r1 = (Yte[dd.argmin(1)] == Yte).float().mean().item()
        print(f"step {step} loss {np.mean(run[-80:]):.4f} val {vl:.4f} rank-1 {r1:.3f} spread {e.std(0).mean():.4f}")
writer.close()
