"""WGAN as in the first paper: weight clipping at 0.01-like bound, RMSprop, five critic steps per generator step.
Data: pairs (petal length, petal width) etc. of iris blown up with small jitter, 4 columns, standardised."""
import sys
import torch
import torch.nn as nn
from sklearn.datasets import load_iris
from tb_lossdiag import DiagWriter

torch.manual_seed(5)
torch.set_num_threads(1)
X = torch.tensor(load_iris().data, dtype=torch.float32)
X = X[torch.randperm(150)]
X = (X - X.mean(0)) / X.std(0)
train, held = X[:100], X[100:]

nz, clip, n_critic, batch = 8, 0.05, 5, 64
G = nn.Sequential(nn.Linear(nz, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
D = nn.Sequential(nn.Linear(4, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
optD = torch.optim.RMSprop(D.parameters(), lr=1.5e-3)
optG = torch.optim.RMSprop(G.parameters(), lr=6e-4)
writer = DiagWriter(sys.argv[1])
writer.watch(D, optD, name="critic")
writer.watch(G, optG, name="generator")


def real_batch():
    x = train[torch.randint(len(train), (batch,))]
    return x + 0.05 * torch.randn_like(x)


def energy(a, b):
    return (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


avg = [p.detach().clone() for p in G.parameters()]     # running average of the generator, for sampling
for it in range(3000):
    for _ in range(n_critic):
        fake = G(torch.randn(batch, nz)).detach()
        lossD = D(fake).mean() - D(real_batch()).mean()
        optD.zero_grad()
        lossD.backward()
        optD.step()
        with torch.no_grad():
            for p in D.parameters():
                p.clamp_(-clip, clip)
    lossG = -D(G(torch.randn(batch, nz))).mean()
    optG.zero_grad()
    lossG.backward()
    optG.step()
    with torch.no_grad():
        for a, p in zip(avg, G.parameters()):
            a.lerp_(p, 0.005)
    writer.add_scalar("loss/critic", lossD.item(), it)
    writer.add_scalar("loss/generator", lossG.item(), it)
    if it % 300 == 299:
        with torch.no_grad():
            e = energy(G(torch.randn(2000, nz)), held)
        writer.add_scalar("energy_distance", e, it)
        print(it + 1, f"W estimate {-lossD.item():.5f} energy distance {e:.4f}")
with torch.no_grad():
    for a, p in zip(avg, G.parameters()):
        p.copy_(a)
    e = energy(G(torch.randn(2000, nz)), held)
writer.close()
gauss = torch.distributions.MultivariateNormal(train.mean(0), torch.cov(train.T)).sample((2000,))
print("RESULT energy_to_held", round(e, 4), "real_train_to_held", round(energy(train, held), 4), "fitted_gauss_to_held", round(energy(gauss, held), 4))
