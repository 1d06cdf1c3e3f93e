"""Speech enhancement: a recurrent mask estimator trained with a spectral convergence + log magnitude loss."""
import argparse
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
EPS = 1e-8


def magnitude(spec, form):
    power = spec[..., 0] ** 2 + spec[..., 1] ** 2
    if form == "faulty":
        return torch.sqrt(power) + EPS
    return torch.sqrt(power + EPS)


class SpectralLoss(nn.Module):
    def __init__(self, form):
        super().__init__()
        self.form = form

    def forward(self, est, ref):
        m_est, m_ref = magnitude(est, self.form), magnitude(ref, self.form)
        sc = torch.norm(m_ref - m_est, p="fro") / torch.norm(m_ref, p="fro")
        lm = torch.abs(torch.log(m_ref + 1e-2) - torch.log(m_est + 1e-2)).mean()
        return sc + 0.5 * lm


class MaskNet(nn.Module):
    def __init__(self, bins, hidden=64):
        super().__init__()
        self.rnn = nn.GRU(bins, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, bins)

    def forward(self, spec):
        feat = torch.log(spec.pow(2).sum(-1) + 1e-3)
        feat = (feat + 2.4) / 1.7
        mask = torch.sigmoid(self.fc(self.rnn(feat)[0]))
        return mask.unsqueeze(-1) * spec


def utterances(n, rng, win=64, hop=32, frames=32):
    length = hop * (frames - 1) + win
    t = np.arange(length)
    window = torch.hann_window(win)
    clean, noisy = [], []
    for i in range(n):
        f0 = rng.uniform(0.06, 0.25)
        amp = np.clip(np.sin(2 * np.pi * t / length * rng.uniform(1, 3) + rng.uniform(0, 6.3)) + 0.4, 0, None)
        s = amp * sum(np.sin(k * f0 * t + rng.uniform(0, 6.3)) / k for k in (1, 2, 3, 5))
        x = s + 0.4 * rng.randn(length)
        if rng.rand() < 0.004:
            cut = int(length * rng.uniform(0.5, 0.8))
            s[cut:] = 0
            x[cut:] = 0
        clean.append(s)
        noisy.append(x)

    def stft(a):
        a = torch.tensor(np.array(a), dtype=torch.float32)
        z = torch.stft(a, win, hop, window=window, center=False, return_complex=True) / 8
        return torch.view_as_real(z).transpose(1, 2).contiguous()
    return stft(noisy), stft(clean)


def main(a):
    rng = np.random.RandomState(5)
    torch.manual_seed(5)
    noisy, clean = utterances(1200, rng)
    vn, vc = utterances(200, rng)
    net = MaskNet(noisy.size(2))
    criterion = SpectralLoss(a.form)
    opt = torch.optim.Adam(net.parameters(), lr=a.lr)
    writer = DiagWriter(a.logdir)
    writer.watch(net, opt, criterion)
    for epoch in range(a.epochs):
        net.train()
        perm = torch.randperm(len(noisy))
        losses = []
        for i in range(0, len(noisy), a.batch):
            idx = perm[i:i + a.batch]
            loss = criterion(net(noisy[idx]), clean[idx])
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            opt.step()
            losses.append(loss.item())
        net.eval()
        with torch.no_grad(), writer.evaluating("val"):
            v = criterion(net(vn), vc).item()
        print(f"[{epoch:02d}] train {np.mean(losses):.4f} val {v:.4f}")
    writer.close()


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("form")
    p.add_argument("logdir")
    p.add_argument("--lr", type=float, default=3e-3)
    p.add_argument("--epochs", type=int, default=12)
    p.add_argument("--batch", type=int, default=16)
    main(p.parse_args())
