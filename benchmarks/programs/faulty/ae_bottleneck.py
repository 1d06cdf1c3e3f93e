"""Anomaly detection on machine vibration spectra with an autoencoder; 'the smaller the code the better'."""
import sys
import numpy as np
import torch
from torch import nn
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def spectra(n, rng, anomaly=False):
    f = np.linspace(0, 1, 48)
    out = np.zeros((n, 48))
    for k in range(5):
        c = .12 + .17 * k + rng.uniform(-.03, .03, (n, 1))
        out += rng.uniform(.3, 1.3, (n, 1)) * np.exp(-((f - c) / .035) ** 2)
    if anomaly:
        c = rng.uniform(.1, .9, (n, 1))
        out += .45 * np.exp(-((f - c) / .015) ** 2)
    return (out + .03 * rng.normal(size=out.shape)).astype(np.float32)


class AutoEncoder(nn.Module):
    def __init__(self, code):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, code))
        self.decoder = nn.Sequential(nn.Linear(code, 32), nn.ReLU(), nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 48))

    def forward(self, x):
        return self.decoder(self.encoder(x))


def main():
    mode, logdir = sys.argv[1:]
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    tr, va = spectra(4000, rng), spectra(600, rng)
    bad = spectra(600, rng, True)
    mu, sd = tr.mean(), tr.std()
    tr, va, bad = [torch.tensor((a - mu) / sd) for a in (tr, va, bad)]
    model = AutoEncoder(1 if mode == "faulty" else 12)
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    mse = nn.MSELoss()
    writer = DiagWriter(logdir)
    writer.watch(model, opt, mse)
    for epoch in range(20):
        for b in torch.randperm(len(tr)).split(64):
            opt.zero_grad()
            loss = mse(model(tr[b]), tr[b])
            loss.backward()
            opt.step()
        with writer.evaluating("val"):
            v = mse(model(va), va).item()
    with torch.no_grad():
        score = torch.cat([(model(a) - a).pow(2).mean(1) for a in (va, bad)]).numpy()
    print(f"train {loss.item():.4f} val {v:.4f} AUC {roc_auc_score(np.r_[np.zeros(600), np.ones(600)], score):.3f}")
    writer.close()


main()
