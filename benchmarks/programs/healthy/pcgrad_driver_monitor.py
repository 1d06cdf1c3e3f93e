"""Gradient surgery (PCGrad): two driver-state tasks on one trunk, conflicting gradients are projected onto each other's normal plane.
The gradients are written into .grad by hand, there's no loss.backward() on a sum."""
import sys, random
import torch
import torch.nn as nn
import numpy as np
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(0); torch.manual_seed(0)
rng = np.random.default_rng(0)


def recordings(n):
    z = rng.normal(0, 1, (n, 6))                                    # latent state of the driver
    A = np.random.default_rng(7).normal(0, .5, (6, 24))
    x = np.tanh(z @ A) + rng.normal(0, .35, (n, 24))                # eye, head, steering features
    drowsy = (z[:, 0] + .7 * z[:, 1] * z[:, 2] + rng.normal(0, .5, n) > .2)
    heart = .8 * z[:, 3] - .5 * z[:, 0] + .4 * z[:, 4] ** 2 - .4 + rng.normal(0, .4, n)
    return [torch.tensor(a, dtype=torch.float32) for a in (x, drowsy, heart)]


class Monitor(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 48), nn.ReLU())
        self.drowsy, self.heart = nn.Linear(48, 1), nn.Linear(48, 1)

    def forward(self, x):
        h = self.trunk(x)
        return self.drowsy(h)[:, 0], self.heart(h)[:, 0]


class PCGrad:
    def __init__(self, optimizer):
        self.opt = optimizer
        self.params = [p for g in optimizer.param_groups for p in g['params']]
        self.conflicts = 0

    def step(self, losses):
        grads = []
        for l in losses:
            g = torch.autograd.grad(l, self.params, retain_graph=True, allow_unused=True)
            grads.append(torch.cat([(torch.zeros_like(p) if a is None else a).flatten() for a, p in zip(g, self.params)]))
        out = []
        for i, g in enumerate(grads):
            g = g.clone()
            for j in random.sample(range(len(grads)), len(grads)):
                dot = g @ grads[j]
                if j != i and dot < 0:
                    g -= dot / grads[j].square().sum() * grads[j]
                    self.conflicts += 1
            out.append(g)
        total = sum(out)
        k = 0
        for p in self.params:
            p.grad = total[k:k + p.numel()].view_as(p).clone()
            k += p.numel()
        self.opt.step()


X, D, H = recordings(4000)
Xv, Dv, Hv = recordings(1200)
model = Monitor()
bce, mse = nn.BCEWithLogitsLoss(), nn.MSELoss()
sgd = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
pc = PCGrad(sgd)
writer = DiagWriter(sys.argv[1])
writer.watch(model, sgd)
EPOCHS = 14
for epoch in range(EPOCHS):
    model.train()
    tot = 0
    for b in torch.randperm(len(X)).split(80):
        d, h = model(X[b])
        losses = [bce(d, D[b]), mse(h, H[b])]
        writer.add_loss("train", sum(losses))
        pc.step(losses)
        tot += sum(losses).item() / 50
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        d, h = model(Xv)
        v = bce(d, Dv) + mse(h, Hv)
        writer.add_loss("val", v.item())
    acc = ((d > 0) == (Dv > .5)).float().mean().item()
    r2 = 1 - (mse(h, Hv) / Hv.var()).item()
    print(f'{epoch + 1:2d} train {tot:.4f} val {v.item():.4f} drowsy acc {acc:.3f} heart r2 {r2:.3f} conflicts so far {pc.conflicts}')
writer.close()
print(f'RESULT train={tot:.4f} val={v.item():.4f} drowsy_acc={acc:.4f} heart_r2={r2:.4f}')
