"""Convolutional denoiser for ECG-like traces. Settings come from a config dict."""
import sys
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)

config = {"lr": 2e-3, "beta_fast": 0.9, "beta_slow": 0.999, "batch": 32, "epochs": 12, "width": 16}


def traces(n, seed):
    r = np.random.default_rng(seed)
    t = np.arange(128)
    out = np.zeros((n, 128))
    for i in range(n):
        rr = r.uniform(28, 45)
        for c in np.arange(r.uniform(0, rr), 140, rr):
            out[i] += 1.6 * np.exp(-0.5 * ((t - c) / 1.6) ** 2) + 0.35 * np.exp(-0.5 * ((t - c - 11) / 4) ** 2) - 0.3 * np.exp(-0.5 * ((t - c + 4) / 1.5) ** 2)
    out = (out - out.mean()) / out.std()
    noisy = out + 0.5 * r.normal(size=out.shape) + 0.4 * np.sin(2 * np.pi * (t / r.uniform(60, 120, (n, 1)) + r.random((n, 1))))
    return TensorDataset(torch.tensor(noisy[:, None]).float(), torch.tensor(out[:, None]).float())


class Denoiser(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(1, w, 9, padding=4), nn.ReLU(), nn.Conv1d(w, w, 9, padding=8, dilation=2), nn.ReLU(),
            nn.Conv1d(w, w, 9, padding=16, dilation=4), nn.ReLU(), nn.Conv1d(w, 1, 9, padding=4))

    def forward(self, x):
        return self.net(x)


train_dl = DataLoader(traces(2000, 0), config["batch"], shuffle=True, drop_last=True)
val_dl = DataLoader(traces(400, 1), 200)
model = Denoiser(config["width"])
if sys.argv[1] == "faulty":
    betas = (config["beta_slow"], config["beta_fast"])
else:
    betas = (config["beta_fast"], config["beta_slow"])
opt = optim.Adam(model.parameters(), lr=config["lr"], betas=betas)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, mse)
for epoch in range(config["epochs"]):
    for x, y in train_dl:
        opt.zero_grad()
        loss = mse(model(x), y)
        loss.backward()
        opt.step()
    with writer.evaluating("val"):
        v = np.mean([mse(model(x), y).item() for x, y in val_dl])
    print(f"{epoch} {loss.item():.4f} {v:.4f}")
writer.close()
print(f"RESULT val mse {v:.4f}")
