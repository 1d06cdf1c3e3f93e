"""Spike trains of retinal ganglion cells as a linear-nonlinear-Poisson cascade with spike history.

Bins of 10 ms are mostly empty and a Poisson neuron is noisy whatever one knows, so the loss hardly falls (a few per cent);
what counts is bits per spike against the true model.
"""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
NPIX, NLAG, NCELL, NHIST = 16, 12, 5, 8


class Retina:
    """ground truth: two rectified subunits per cell, refractoriness"""
    def __init__(self, rng):
        self.rng = rng
        t = np.arange(NLAG)
        tf = np.exp(-((t - 4) / 2) ** 2) - 0.6 * np.exp(-((t - 8) / 2.5) ** 2)
        self.k = np.zeros((NCELL, 2, NPIX, NLAG))
        for c in range(NCELL):
            for s in range(2):
                pos = 2 + 2.6 * c + 1.6 * s
                sf = np.exp(-((np.arange(NPIX) - pos) / 1.2) ** 2) - 0.4 * np.exp(-((np.arange(NPIX) - pos) / 2.5) ** 2)
                self.k[c, s] = np.outer(sf, tf) * (1 if c % 2 == 0 else -1)
            self.k[c] /= np.linalg.norm(self.k[c, 0])
        self.h = -1.5 * np.exp(-np.arange(NHIST) / 2.0)

    def record(self, n):
        stim = self.rng.choice([-1.0, 1.0], (n + NLAG, NPIX))                       # binary white noise bars
        win = np.lib.stride_tricks.sliding_window_view(stim, NLAG, axis=0)[:n]      # n, pix, lag (oldest first)
        drive = np.maximum(np.einsum("npl,cspl->ncs", win[:, :, ::-1], self.k), 0).sum(-1)
        spikes, rate = np.zeros((n + NHIST, NCELL)), np.zeros((n, NCELL))
        for t in range(n):
            past = spikes[t:t + NHIST][::-1]
            rate[t] = np.exp(0.55 * drive[t] - 2.9 + self.h @ np.minimum(past, 1))
            spikes[t + NHIST] = self.rng.poisson(rate[t])
        hist = np.lib.stride_tricks.sliding_window_view(spikes, NHIST, axis=0)[:n, :, ::-1]
        f = lambda a: torch.tensor(np.ascontiguousarray(a), dtype=torch.float32)
        return f(win[:, :, ::-1]), f(hist), f(spikes[NHIST:]), f(rate)


class SubunitLNP(nn.Module):
    def __init__(self, n_sub=2):
        super().__init__()
        # low-rank space-time filters
        self.space = nn.Parameter(0.3 * torch.randn(NCELL, n_sub, NPIX))
        self.time = nn.Parameter(0.3 * torch.randn(NCELL, n_sub, NLAG))
        self.history = nn.Parameter(torch.zeros(NCELL, NHIST))
        self.base = nn.Parameter(torch.full((NCELL,), -2.5))

    def forward(self, win, hist):
        u = torch.einsum("npl,csp->ncsl", win, self.space)
        u = (u * self.time).sum(-1)
        return nn.functional.softplus(u, beta=3).sum(-1) + (hist * self.history).sum(-1) + self.base      # log rate

    def roughness(self):
        return (self.space.diff(dim=-1) ** 2).sum() + (self.time.diff(dim=-1) ** 2).sum()


def main(logdir):
    rng = np.random.default_rng(2)
    torch.manual_seed(2)
    retina = Retina(rng)
    win, hist, spk, _ = retina.record(24000)
    vwin, vhist, vspk, vrate = retina.record(8000)
    print(f"{spk.sum().item():.0f} spikes, {100 * (spk == 0).float().mean():.1f} % of the bins are empty")

    model = SubunitLNP()
    opt = torch.optim.Adam(model.parameters(), lr=2e-2)
    n_epochs = 12
    sched = torch.optim.lr_scheduler.MultiStepLR(opt, [int(.6 * n_epochs), int(.85 * n_epochs)], 0.2)
    nll = nn.PoissonNLLLoss(log_input=True)
    w = DiagWriter(logdir)
    w.watch(model, opt, nll)
    for epoch in range(n_epochs):
        tot = 0.0
        for idx in torch.randperm(len(spk)).split(256):
            fit = nll(model(win[idx], hist[idx]), spk[idx])
            loss = fit + 2e-5 * model.roughness()
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += fit.item() * len(idx)
        sched.step()
        with w.evaluating("val"), torch.no_grad():
            val = nll(model(vwin, vhist), vspk).item()
        if epoch % 2 == 1:
            print(f"epoch {epoch + 1:2d} train {tot / len(spk):.5f} val {val:.5f}")
    w.close()
    null = nll(spk.mean(0).log().expand_as(vspk), vspk).item()
    true = nll(vrate.log(), vspk).item()
    per = vspk.mean().item() * np.log(2)
    print(f"RESULT val_nll {val:.5f} null {null:.5f} true_model {true:.5f} bits_per_spike {(null - val) / per:.3f} of {(null - true) / per:.3f}")


main(sys.argv[1])
