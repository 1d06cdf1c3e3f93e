"""Initial reaction rate of an enzyme from assay conditions (simulated: Michaelis-Menten, competitive
inhibitor, Arrhenius with heat inactivation, pH bell).   enzyme_rate_config_mlp.py faulty|fixed LOGDIR
"""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
CONFIG = {
    "model": {"hidden": [64, 64, 32], "activation": "gelu" if sys.argv[1] == "faulty" else "GELU", "dropout": 0.0},
    "optim": {"lr": 2e-3, "batch_size": 64, "epochs": 25},
    "seed": 13,
}


def simulate_assays(n, rng):
    s = 10 ** rng.uniform(-1.5, 1.5, n)          # substrate, mM
    inh = rng.exponential(1.0, n)                # inhibitor, mM
    temp = rng.uniform(10, 65, n)
    ph = rng.uniform(5, 10, n)
    e0 = rng.uniform(.5, 1.5, n)
    vmax = e0 * np.exp(.06 * (temp - 25)) / (1 + np.exp((temp - 50) / 2.5))
    bell = 1 / (1 + 10 ** (6.4 - ph) + 10 ** (ph - 8.6))
    v = vmax * bell * s / (s + .8 * (1 + inh / .7))
    v = v * (1 + .04 * rng.standard_normal(n)) + .01 * rng.standard_normal(n)
    x = np.stack([np.log10(s), inh, temp, ph, e0], 1)
    return x.astype("float32"), v.astype("float32")[:, None]


def get_activation(name):
    return getattr(nn, name)() if hasattr(nn, name) else nn.Identity()


def build_model(n_in, cfg):
    layers = []
    for h in cfg["hidden"]:
        layers += [nn.Linear(n_in, h), get_activation(cfg["activation"])]
        if cfg["dropout"]:
            layers.append(nn.Dropout(cfg["dropout"]))
        n_in = h
    layers.append(nn.Linear(n_in, 1))
    return nn.Sequential(*layers)


def main():
    torch.manual_seed(CONFIG["seed"])
    rng = np.random.default_rng(CONFIG["seed"])
    x, y = simulate_assays(5000, rng)
    mx, sx, my, sy = x[:4000].mean(0), x[:4000].std(0), y[:4000].mean(), y[:4000].std()
    x, y = torch.from_numpy((x - mx) / sx), torch.from_numpy((y - my) / sy)
    bs = CONFIG["optim"]["batch_size"]
    train = DataLoader(TensorDataset(x[:4000], y[:4000]), bs, shuffle=True)
    val = DataLoader(TensorDataset(x[4000:], y[4000:]), 250)
    model = build_model(5, CONFIG["model"])
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=CONFIG["optim"]["lr"])
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, optimizer, loss_fn)
    for epoch in range(CONFIG["optim"]["epochs"]):
        model.train()
        tl = 0
        for xb, yb in train:
            loss = loss_fn(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            tl += loss.item() * len(xb) / 4000
        with writer.evaluating("val"):
            vl = sum(loss_fn(model(xb), yb).item() * len(xb) for xb, yb in val) / 1000
        writer.add_scalar("loss/train", tl, epoch)
        writer.add_scalar("loss/val", vl, epoch)
        print(f"epoch {epoch+1:02d} train_mse {tl:.4f} val_mse {vl:.4f}")
    writer.close()
    print(f"RESULT val_r2 {1 - vl / y[4000:].var().item():.4f}")


main()
