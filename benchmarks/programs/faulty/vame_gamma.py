"""Variational animal motion embedding, reduced: a GRU autoencoder over pose time series. Options come from the project config."""
import sys

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
cfg = {"time_window": 24, "num_features": 6, "zdims": 8, "hidden": 48, "batch_size": 64, "learning_rate": 4e-3, "max_epochs": 40,
       "scheduler": 0, "scheduler_step_size": 6, "beta": 0.02}
torch.manual_seed(19)


def pose_sequence(n=6000, seed=0):
    """Six markers of a mouse that switches between walking, rearing, grooming and standing still."""
    rng = np.random.default_rng(seed)
    out, mode, phase = np.zeros((n, 6), np.float32), 0, 0.0
    freq, amp = [0.35, 0.1, 0.8, 0.02], rng.uniform(.2, 1.2, (4, 6)) * np.array([1, 1, .6, .1])[:, None]
    lag, base = rng.uniform(0, 6.28, (4, 6)), rng.normal(0, .7, (4, 6))
    cur = base[0].copy()
    for t in range(n):
        if rng.random() < .02:
            mode = rng.integers(0, 4)
        phase += freq[mode] * (1 + .1 * rng.normal())
        cur += .2 * (base[mode] - cur)
        out[t] = cur + amp[mode] * np.sin(phase + lag[mode]) + .05 * rng.normal(size=6)
    return (out - out.mean(0)) / out.std(0)


class RNN_VAE(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        h, z, f = cfg["hidden"], cfg["zdims"], cfg["num_features"]
        self.T = cfg["time_window"]
        self.encoder = nn.GRU(f, h, batch_first=True, bidirectional=True)
        self.to_mean, self.to_logvar = nn.Linear(2 * h, z), nn.Linear(2 * h, z)
        self.latent_to_hidden = nn.Linear(z, h)
        self.decoder = nn.GRU(z, h, batch_first=True)
        self.hidden_to_output = nn.Linear(h, f)

    def forward(self, x):
        _, hn = self.encoder(x)
        hn = torch.cat([hn[0], hn[1]], 1)
        mu, logvar = self.to_mean(hn), self.to_logvar(hn)
        z = mu + torch.randn_like(mu) * torch.exp(.5 * logvar) if self.training else mu
        y, _ = self.decoder(z[:, None].expand(-1, self.T, -1).contiguous(), torch.tanh(self.latent_to_hidden(z))[None])
        return self.hidden_to_output(y), mu, logvar


def loss_of(model, x, beta):
    pred, mu, logvar = model(x)
    rec = nn.functional.mse_loss(pred, x)
    return rec + beta * -0.5 * (1 + logvar - mu ** 2 - logvar.exp()).mean(), rec


X = torch.from_numpy(pose_sequence().astype(np.float32))
windows = X.unfold(0, cfg["time_window"], 3).transpose(1, 2)
train, test = windows[:1500], windows[1560:]
train_loader = DataLoader(train, cfg["batch_size"], shuffle=True, drop_last=True)

model = RNN_VAE(cfg)
optimizer = torch.optim.Adam(model.parameters(), lr=cfg["learning_rate"], amsgrad=True)
if cfg["scheduler"]:
    scheduler = StepLR(optimizer, step_size=cfg["scheduler_step_size"], gamma=0.2, last_epoch=-1)
else:
    scheduler = StepLR(optimizer, step_size=cfg["scheduler_step_size"], gamma=0 if form == "faulty" else 1, last_epoch=-1)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)

for epoch in range(1, cfg["max_epochs"]):
    model.train()
    train_loss = 0.0
    for x in train_loader:
        optimizer.zero_grad()
        loss, _ = loss_of(model, x, cfg["beta"])
        writer.add_loss("train", loss)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5)
        optimizer.step()
        train_loss += loss.item() / len(train_loader)
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("test"):
        test_mse = loss_of(model, test, cfg["beta"])[1].item()
    if epoch % 6 == 0:
        print("Epoch: %d. Train loss: %.4f  Test MSE: %.4f" % (epoch, train_loss, test_mse))
writer.close()
