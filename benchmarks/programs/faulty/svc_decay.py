import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def mel_like(n, seed):
    """frames of a harmonic sound and the features a vocoder gets for them"""
    g = np.random.default_rng(seed)
    t = np.arange(48) / 48
    f0, ph = g.uniform(1.8, 3.0, n), g.uniform(0, 2 * np.pi, n)
    amps = g.dirichlet(np.ones(3) * 2, n) * g.uniform(.6, 1.4, (n, 1))
    wav = sum(amps[:, k:k + 1] * np.sin(2 * np.pi * (k + 1) * f0[:, None] * t + (k + 1) * ph[:, None]) for k in range(3))
    env = np.exp(-g.uniform(0, 2, (n, 1)) * t)
    feats = np.concatenate([((f0 - 2.4) / .35)[:, None], np.sin(ph)[:, None] * 1.4, np.cos(ph)[:, None] * 1.4,
                            (amps - amps.mean(0)) / amps.std(0), (env[:, -1:] - .43) / .25], 1)
    wav = wav * env + g.normal(0, .02, wav.shape)
    return feats.astype(np.float32), (wav / .45).astype(np.float32)


class Decoder(nn.Module):
    def __init__(self, n_feat=7, hidden=96):
        super().__init__()
        self.pre = nn.Linear(n_feat, hidden)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, hidden)) for _ in range(2))
        self.post = nn.Linear(hidden, 48)

    def forward(self, x):
        h = torch.nn.functional.gelu(self.pre(x))
        for b in self.blocks:
            h = h + b(h)
        return self.post(h)


class VitsLightning:
    automatic_optimization = False

    def __init__(self, form, lr=1e-2, lr_decay=0.88):
        self.form = form
        self.net_g = Decoder()
        self.criterion = nn.MSELoss()
        self.optim_g = torch.optim.AdamW(self.net_g.parameters(), lr, betas=(0.8, 0.99), eps=1e-9)
        self.scheduler_g = torch.optim.lr_scheduler.ExponentialLR(self.optim_g, gamma=lr_decay)

    def training_step(self, batch):
        x, y = batch
        loss = self.criterion(self.net_g(x), y)
        self.optim_g.zero_grad()
        loss.backward()
        self.optim_g.step()
        return loss.item()

    def on_train_epoch_end(self):
        if self.form == "fixed":
            self.scheduler_g.step()

    def validation_step(self, batch):
        return self.criterion(self.net_g(batch[0]), batch[1]).item()


class Trainer:
    def __init__(self, max_epochs, logdir):
        self.max_epochs, self.writer = max_epochs, DiagWriter(logdir)

    def fit(self, m, train, val):
        self.writer.watch(m.net_g, m.optim_g, m.criterion)
        for epoch in range(self.max_epochs):
            m.net_g.train()
            tr = [m.training_step(b) for b in train]
            m.on_train_epoch_end()
            m.net_g.eval()
            with torch.no_grad(), self.writer.evaluating("val"):
                va = [m.validation_step(b) for b in val]
            if epoch % 4 == 3:
                print(f"epoch {epoch} g/total {np.mean(tr):.5f} val {np.mean(va):.5f} lr {m.optim_g.param_groups[0]['lr']:.4f}")
        self.writer.close()


if __name__ == "__main__":
    form, logdir = sys.argv[1:3]
    torch.manual_seed(5)
    sets = [TensorDataset(*map(torch.from_numpy, mel_like(n, s))) for n, s in ((3000, 1), (600, 2))]
    Trainer(36, logdir).fit(VitsLightning(form), DataLoader(sets[0], 48, shuffle=True), DataLoader(sets[1], 200))
