"""Denoising auto-encoder for standardised ECG-like beats. The decoder ends like every other block: with ReLU."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(2)
t = np.linspace(0, 1, 64)


def beat():
    s = rng.normal(0, .02)
    w = lambda c, a, b: a * np.exp(-((t - c - s) / b) ** 2)
    return (w(.25, rng.uniform(.1, .25), .03) + w(.42, -rng.uniform(.1, .3), .012) + w(.45, rng.uniform(.8, 1.4), .015)
            + w(.48, -rng.uniform(.2, .5), .015) + w(.7, rng.uniform(.2, .5), .05))


clean = np.stack([beat() for _ in range(2400)])
clean = (clean - clean.mean()) / clean.std()
noisy = clean + rng.normal(0, .5, clean.shape)
C, N = torch.tensor(clean, dtype=torch.float32), torch.tensor(noisy, dtype=torch.float32)


def block(i, o, act=True):
    return nn.Sequential(nn.Linear(i, o), nn.ReLU()) if act else nn.Linear(i, o)


class DAE(nn.Module):
    def __init__(self, last_act):
        super().__init__()
        self.encoder = nn.Sequential(block(64, 48), block(48, 16))
        self.decoder = nn.Sequential(block(16, 48), block(48, 64, last_act))

    def forward(self, x):
        return self.decoder(self.encoder(x))


model = DAE(sys.argv[1] == "faulty")
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
crit = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, crit)
for epoch in range(25):
    for b in torch.randperm(2000).split(50):
        loss = crit(model(N[b]), C[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        v = crit(model(N[2000:]), C[2000:]).item()
    if epoch % 4 == 0:
        print(epoch, "train", round(loss.item(), 4), "val", round(v, 4), "variance 1.0, noise 0.25")
writer.close()
