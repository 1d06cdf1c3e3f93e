"""Conditional neural process on 1-d functions drawn from a GP (port of the DeepMind notebook, smaller).

Every iteration draws new functions; the target set includes the context.  The loss is a negative log density, so it
starts around 1.3 and ends below zero  -- single batches jump about a lot, as a batch with 3 context
points is hard and one with 10 is easy.
"""
import sys
import torch
from torch import nn
import torch.nn.functional as F
from torch.distributions import Normal
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class GPCurvesReader:
    def __init__(self, batch_size, max_num_context, l1_scale=0.9, sigma_scale=1.0):
        self.B, self.max_ctx = batch_size, max_num_context
        self.l, self.s = l1_scale, sigma_scale

    def sample(self, n_ctx=None):
        n_ctx = n_ctx or int(torch.randint(3, self.max_ctx + 1, ()))
        n_tgt = n_ctx + int(torch.randint(2, 10, ()))
        x = torch.rand(self.B, n_tgt, 1) * 4 - 2
        d = (x - x.transpose(1, 2)) / self.l
        k = self.s ** 2 * torch.exp(-0.5 * d ** 2) + 0.02 ** 2 * torch.eye(n_tgt)
        y = torch.linalg.cholesky(k) @ torch.randn(self.B, n_tgt, 1)
        return x[:, :n_ctx], y[:, :n_ctx], x, y


def mlp(sizes):
    layers = []
    for i in range(len(sizes) - 1):
        layers.append(nn.Linear(sizes[i], sizes[i + 1]))
        if i < len(sizes) - 2:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


class CNP(nn.Module):
    def __init__(self, h=64):
        super().__init__()
        self.encoder = mlp([2, h, h, h])
        self.decoder = mlp([h + 1, h, h, 2])

    def forward(self, xc, yc, xt):
        r = self.encoder(torch.cat([xc, yc], -1)).mean(1, keepdim=True)
        r = r.expand(-1, xt.shape[1], -1)
        mu, log_sigma = self.decoder(torch.cat([r, xt], -1)).chunk(2, -1)
        sigma = 0.1 + 0.9 * F.softplus(log_sigma)
        return Normal(mu, sigma)


def nll(dist, y):
    return -dist.log_prob(y).mean()


TRAINING_ITERATIONS = 1500
PLOT_AFTER = 150
model = CNP()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, TRAINING_ITERATIONS)
reader = GPCurvesReader(batch_size=32, max_num_context=10)
gen = torch.random.get_rng_state()
test_sets = [GPCurvesReader(128, 10).sample(n) for n in (3, 6, 10)]

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, nll)

for it in range(1, TRAINING_ITERATIONS + 1):
    xc, yc, xt, yt = reader.sample()
    loss = writer.loss_fn(model(xc, yc, xt), yt)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    sched.step()
    if it % PLOT_AFTER == 0:
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            v = [writer.loss_fn(model(a, b, c), d).item() for a, b, c, d in test_sets]
        model.train()
        print(f"Iteration: {it}, loss: {loss.item():.3f}, val nll 3/6/10 points: " + " ".join(f"{q:.3f}" for q in v))
writer.close()
print(f"RESULT val_nll={sum(v)/3:.4f} with3={v[0]:.4f} with10={v[2]:.4f}")
