"""Closed-form continuous-time cells on a damped two-joint walker seen at uneven times."""
import argparse
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

HPARAMS = {
    "base_lr": 0.01, "decay_lr": 0.95, "epochs": 40, "clipnorm": 1.0, "hidden_size": 48,
    "backbone_units": 64, "backbone_layers": 1, "weight_decay": 1e-6, "batch_size": 64,
}


class LeCun(nn.Module):
    def __init__(self):
        super().__init__()
        self.tanh = nn.Tanh()

    def forward(self, x):
        return 1.7159 * self.tanh(0.666 * x)


class CfcCell(nn.Module):
    def __init__(self, input_size, hidden_size, hparams):
        super().__init__()
        units = hparams["backbone_units"]
        layers = [nn.Linear(input_size + hidden_size, units), LeCun()]
        for _ in range(1, hparams["backbone_layers"]):
            layers += [nn.Linear(units, units), LeCun()]
        self.backbone = nn.Sequential(*layers)
        self.ff1 = nn.Linear(units, hidden_size)
        self.ff2 = nn.Linear(units, hidden_size)
        self.time_a = nn.Linear(units, hidden_size)
        self.time_b = nn.Linear(units, hidden_size)
        self.init_weights()

    def init_weights(self):
        for w in self.parameters():
            if w.dim() == 2:
                nn.init.xavier_uniform_(w)

    def forward(self, inputs, hx, ts):
        x = self.backbone(torch.cat([inputs, hx], 1))
        ff1, ff2 = torch.tanh(self.ff1(x)), torch.tanh(self.ff2(x))
        t_interp = torch.sigmoid(self.time_a(x) * ts.view(-1, 1) + self.time_b(x))
        return ff1 * (1.0 - t_interp) + t_interp * ff2


class Cfc(nn.Module):
    def __init__(self, in_features, hidden_size, out_feature, hparams):
        super().__init__()
        self.hidden_size = hidden_size
        self.rnn_cell = CfcCell(in_features, hidden_size, hparams)
        self.fc = nn.Linear(hidden_size, out_feature)

    def forward(self, x, timespans):
        h = torch.zeros(x.size(0), self.hidden_size)
        out = []
        for t in range(x.size(1)):
            h = self.rnn_cell(x[:, t], h, timespans[:, t])
            out.append(self.fc(h))
        return torch.stack(out, 1)


def simulate(n, length, rng):
    """State (two angles, two speeds); the next state is due after the coming gap."""
    s = rng.normal(0, 0.7, (n, 4))
    xs, ys, gaps = [], [], []
    for _ in range(length):
        gap = rng.choice([1, 2, 4], n, p=[0.5, 0.3, 0.2])
        xs.append(s.copy())
        for k in range(4):
            a, b, va, vb = s.T
            fa = -2.0 * np.sin(a) + 1.2 * (b - a) - 0.15 * va + 0.6 * np.sin(2 * b)
            fb = -1.5 * np.sin(b) + 1.2 * (a - b) - 0.15 * vb
            step = np.stack([va, vb, fa, fb], 1) * 0.1
            s = np.where((gap > k)[:, None], s + step, s)
        ys.append(s.copy())
        gaps.append(gap)
    x, y, g = (np.stack(v, 1).astype("float32") for v in (xs, ys, gaps))
    x = x + rng.normal(0, 0.03, x.shape).astype("float32")
    return torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(g)


def make_model(args):
    model = Cfc(4, HPARAMS["hidden_size"], 4, HPARAMS)
    optim = torch.optim.Adam(model.parameters(), lr=HPARAMS["base_lr"], weight_decay=HPARAMS["weight_decay"])
    sched = torch.optim.lr_scheduler.LambdaLR(optim, lambda e: HPARAMS["decay_lr"] ** e)
    return model, optim, sched


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("log_dir")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(2)
    rng = np.random.default_rng(2)
    sets = [TensorDataset(*simulate(n, 20, rng)) for n in (1600, 300, 300)]
    train, val, test = [DataLoader(s, HPARAMS["batch_size"], shuffle=(i == 0)) for i, s in enumerate(sets)]
    model, optim, sched = make_model(args)
    loss_fn = nn.MSELoss()
    writer = DiagWriter(args.log_dir)
    writer.watch(model, optim, loss_fn, train_loader=train)

    def run(loader, split):
        losses = []
        with writer.evaluating(split):
            for x, y, ts in loader:
                losses.append((loss_fn(model(x, ts), y).item(), len(x)))
        return sum(l * n for l, n in losses) / sum(n for _, n in losses)

    for epoch in range(HPARAMS["epochs"]):
        for x, y, ts in train:
            loss = loss_fn(model(x, ts), y)
            optim.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), HPARAMS["clipnorm"])
            optim.step()
        sched.step()
        print(f"epoch {epoch:02d} loss {loss.item():.5f} val: {run(val, 'val'):.5f}")
    test_loss = run(test, "test")
    writer.close()
    x, y, ts = sets[2].tensors
    stay = ((x - y) ** 2).mean().item()
    print(f"RESULT test_mse={test_loss:.5f} last_value_mse={stay:.5f} variance={y.var().item():.5f}")


if __name__ == "__main__":
    main()
