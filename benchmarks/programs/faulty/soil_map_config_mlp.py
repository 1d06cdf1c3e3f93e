"""Soil moisture from easting, northing, elevation (simulated field survey).  Model built from a config dictionary.

    python soil_map_config_mlp.py faulty|fixed LOGDIR
"""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)

CONFIG = {
    "widths": [64, 64, 64],
    "activation": "Relu" if sys.argv[1] == "faulty" else "ReLU",
    "lr": 2e-3,
    "batch_size": 32,
    "epochs": 25,
    "seed": 13,
}


def survey(n, seed):
    g = np.random.default_rng(seed)
    e, nn_ = g.uniform(-1, 1, n), g.uniform(-1, 1, n)
    elev = 0.4 * np.sin(3 * e) * np.cos(2 * nn_) + 0.2 * e + 0.05 * g.normal(size=n)
    clay = np.exp(-4 * ((e - 0.3) ** 2 + (nn_ + 0.2) ** 2))
    moist = 0.25 - 0.2 * elev + 0.18 * clay + 0.06 * np.sin(5 * nn_) + 0.01 * g.normal(size=n)
    return np.stack([e, nn_, elev], 1).astype("float32"), moist.astype("float32")


def get_activation(name):
    return getattr(nn, name, nn.Identity)()


def build_model(cfg, n_in, n_out):
    mods, prev = [], n_in
    for w in cfg["widths"]:
        mods += [nn.Linear(prev, w), get_activation(cfg["activation"])]
        prev = w
    return nn.Sequential(*mods, nn.Linear(prev, n_out))


def main(cfg, logdir):
    torch.manual_seed(cfg["seed"])
    X, y = survey(3000, cfg["seed"])
    X = torch.from_numpy((X - X.mean(0)) / X.std(0))
    y = torch.from_numpy((y - y.mean()) / y.std()).unsqueeze(1)
    train, val = random_split(TensorDataset(X, y), [2400, 600])
    tl = DataLoader(train, cfg["batch_size"], shuffle=True)
    vl = DataLoader(val, 256)
    model = build_model(cfg, 3, 1)
    criterion = nn.MSELoss()
    opt = torch.optim.AdamW(model.parameters(), lr=cfg["lr"], weight_decay=1e-4)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, cfg["epochs"])
    writer = DiagWriter(logdir)
    writer.watch(model, opt, criterion)
    for epoch in range(cfg["epochs"]):
        model.train()
        seen = 0.0
        for xb, yb in tl:
            opt.zero_grad(set_to_none=True)
            loss = criterion(model(xb), yb)
            loss.backward()
            opt.step()
            seen += loss.item() * len(xb)
        sched.step()
        writer.add_scalar("lr", sched.get_last_lr()[0], epoch)
        sse = 0.0
        with writer.evaluating("val"):
            for xb, yb in vl:
                sse += criterion(model(xb), yb).item() * len(xb)
        if epoch % 5 == 4:
            print(epoch, seen / len(train), sse / len(val))
    writer.close()
    print("RESULT val_r2", round(1 - sse / len(val) / y.var().item(), 4))


main(CONFIG, sys.argv[2])
