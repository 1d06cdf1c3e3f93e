# opensoundscape-like classifier object: train, save, load in a new session, go on training on the new recordings
import io, sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
FORM, LOGDIR = sys.argv[1], sys.argv[2]
rng = np.random.default_rng(11)
torch.manual_seed(11)

SPECIES = 6
base = [(rng.uniform(5, 25), rng.uniform(-8, 8), rng.integers(2, 6), rng.uniform(.5, 2.5)) for _ in range(SPECIES)]


def spectrogram(k, site):
    f0, sweep, rep, wob = base[k]
    t, f = np.arange(32), np.arange(32)[:, None]
    if site:                                   # the second site: another dialect, a brook in the background
        f0, sweep = f0 + [3, -4, 4, -3, 4, -4][k], -sweep
    ph = rng.uniform(0, 1)
    line = f0 + sweep * ((t / 32 * rep + ph) % 1) + wob * np.sin(t * .9 + ph) + rng.normal(0, .6)
    s = np.exp(-((f - line) / 1.3) ** 2) * rng.uniform(.6, 1.4)
    noise = rng.normal(0, .3, (32, 32)) + (site * .5 * np.exp(-f / 8.0))
    return (s + noise).astype(np.float32)


def recordings(n, site):
    y = rng.integers(0, SPECIES, n)
    x = np.stack([spectrogram(k, site) for k in y])[:, None]
    return TensorDataset(torch.tensor((x - .2) / .4), torch.tensor(y))


class CNN:
    def __init__(self, lr=.01):
        self.network = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
                                     nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
                                     nn.Conv2d(24, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d((4, 1)),
                                     nn.Flatten(), nn.Linear(128, SPECIES))
        self.optimizer_params = {"params": self.network.parameters(), "lr": lr, "momentum": .9, "weight_decay": 5e-4}

    def save(self):
        params = {**self.optimizer_params, "params": list(self.network.parameters())}
        buf = io.BytesIO(); torch.save({"weights": self.network.state_dict(), "optimizer_params": params}, buf)
        return buf.getvalue()

    @classmethod
    def from_checkpoint(cls, blob):
        d = torch.load(io.BytesIO(blob), weights_only=False)
        self = cls()
        self.network.load_state_dict(d["weights"])
        self.optimizer_params = d["optimizer_params"]
        if FORM == "fixed":
            self.optimizer_params["params"] = self.network.parameters()
        return self

    def train(self, ds, val, epochs, writer=None):
        opt = torch.optim.SGD(**self.optimizer_params)
        if writer:
            writer.watch(self.network, opt, F.cross_entropy)
        for ep in range(epochs):
            self.network.train()
            for x, y in DataLoader(ds, batch_size=32, shuffle=True):
                opt.zero_grad()
                loss = F.cross_entropy(self.network(x), y)
                loss.backward()
                opt.step()
            if writer:
                self.network.eval()
                with writer.evaluating("val"):
                    r = self.evaluate(val)
                print(ep, round(loss.item(), 3), "val %.3f acc %.3f" % r)
        return r if writer else None

    def evaluate(self, val):
        tot = ok = 0
        for x, y in DataLoader(val, batch_size=100):
            out = self.network(x)
            tot += F.cross_entropy(out, y).item() * len(y); ok += (out.argmax(1) == y).sum().item()
        return tot / len(val), ok / len(val)


first = CNN()
first.train(recordings(900, 0), None, 4)
blob = first.save()
del first

model = CNN.from_checkpoint(blob)
writer = DiagWriter(LOGDIR)
vl, va = model.train(recordings(1400, 1), recordings(400, 1), 8, writer)
writer.close()
print(f"RESULT new site val loss {vl:.3f} acc {va:.3f}")
