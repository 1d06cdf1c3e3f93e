"""Hourly electrical output of a combined cycle power plant from ambient conditions (AT, V, AP, RH)."""
import argparse
import sys

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter


def make_frame(n=9568, seed=7):
    r = np.random.RandomState(seed)
    at = np.clip(r.normal(19.6, 7.4, n), 2, 37)
    v = np.clip(54 + 1.45 * (at - 19.6) + r.normal(0, 6.5, n), 25, 82)
    ap = 1013 - .4 * (at - 19.6) + r.normal(0, 5, n)
    rh = np.clip(73 - 1.05 * (at - 19.6) + r.normal(0, 12, n), 25, 100)
    pe = (454 - 1.55 * (at - 19.6) - .3 * (v - 54) + .07 * (ap - 1013) - .16 * (rh - 73)
          + .018 * (at - 19.6) ** 2 + 3.5 * np.tanh((v - 60) / 6) - .006 * (at - 19.6) * (rh - 73)
          + r.normal(0, 3.8, n) + (r.rand(n) < .02) * r.normal(0, 12, n))
    return pd.DataFrame(dict(AT=at, V=v, AP=ap, RH=rh, PE=pe))


class PowerNet(nn.Module):
    def __init__(self, n_in, hidden=64):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n_in, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
                                 nn.Linear(hidden, 1))

    def forward(self, x):
        return self.net(x).squeeze(-1)


def main(args):
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    df = make_frame()
    df = df.sample(frac=1, random_state=args.seed).reset_index(drop=True)
    train, val, test = df[:6700], df[6700:8100], df[8100:]
    mu, sd = train.mean(), train.std()

    def to_ds(part):
        z = ((part - mu) / sd).to_numpy(np.float32)
        return TensorDataset(torch.from_numpy(z[:, :4].copy()), torch.from_numpy(z[:, 4].copy()))

    loaders = {k: DataLoader(to_ds(p), batch_size=args.batch_size, shuffle=(k == "train"))
               for k, p in dict(train=train, val=val, test=test).items()}

    model = PowerNet(4)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    loss_fn = nn.MSELoss()
    writer = DiagWriter(args.logdir)
    writer.watch(model, optimizer, loss_fn)

    def run(split):
        train_mode = split == "train"
        model.train(train_mode)
        s = n = 0
        with torch.set_grad_enabled(train_mode):
            for x, y in loaders[split]:
                pred = model(x)
                loss = loss_fn(pred, y)
                if train_mode:
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                s += loss.item() * len(x)
                n += len(x)
        return s / n

    history = []
    for ep in range(args.epochs):
        tr = run("train")
        with writer.evaluating("val"):
            va = run("val")
        history.append(va)
        print(f"[{ep + 1:02d}/{args.epochs}] mse train {tr:.4f} val {va:.4f}  (val rmse {np.sqrt(va) * sd['PE']:.2f} MW)")
    with writer.evaluating("test"):
        te = run("test")
    writer.close()
    print(f"RESULT val_mse {history[-1]:.4f} best {min(history):.4f} test_mse {te:.4f} test_rmse_MW {np.sqrt(te) * sd['PE']:.2f}")


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("logdir")
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument("--epochs", type=int, default=30)
    p.add_argument("--batch-size", type=int, default=64)
    p.add_argument("--seed", type=int, default=3)
    main(p.parse_args(sys.argv[1:]))
