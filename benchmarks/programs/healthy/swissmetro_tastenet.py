import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter


def get_args():
    p = argparse.ArgumentParser("TasteNet-MNL for mode choice")
    p.add_argument("log_dir")
    p.add_argument("--hidden_sizes", type=int, nargs="+", default=[60])
    p.add_argument("--num_epochs", type=int, default=30)
    p.add_argument("--lr", type=float, default=0.001)
    p.add_argument("--weight_decay", type=float, default=1e-4)
    p.add_argument("--batch_size", type=int, default=64)
    p.add_argument("--seed", type=int, default=3)
    return p.parse_args()


def true_tastes(z):
    inc, full, flex, age = z.T
    vot_t = -0.9 - 0.6 * inc - 0.5 * full + 0.4 * flex * inc
    vot_w = -0.7 - 0.5 * inc - 0.4 * full * age
    headway = -0.4 - 0.3 * full + 0.3 * flex
    return np.stack([np.minimum(vot_t, -0.05), np.minimum(vot_w, -0.05), headway], 1)


def make_travellers(n, rng):
    """Survey: three alternatives (train, swissmetro, car), four attributes each."""
    z = np.stack([rng.uniform(0, 1, n), rng.integers(0, 2, n), rng.integers(0, 2, n), rng.uniform(-1, 1, n)], 1)
    dist = rng.gamma(4.0, 0.35, n)
    cost = np.stack([1.0 * dist, 1.4 * dist, 0.9 * dist + 0.2], 1) * rng.uniform(0.8, 1.25, (n, 3))
    time = np.stack([1.7 * dist, 0.9 * dist, 1.4 * dist], 1) * rng.uniform(0.8, 1.3, (n, 3))
    wait = np.stack([rng.uniform(0.2, 1.2, n), rng.uniform(0.1, 0.6, n), np.zeros(n)], 1)
    head = np.stack([rng.choice([0.5, 1.0, 2.0], n), rng.choice([0.17, 0.33, 0.5], n), np.zeros(n)], 1)
    x = np.stack([cost, time, wait, head], 2)
    b = true_tastes(z)
    v = np.array([-0.1, 0.3, 0.0]) - 1.2 * cost + (x[:, :, 1:] * 1.5 * b[:, None, :]).sum(2)
    y = (v + rng.gumbel(size=v.shape)).argmax(1)
    return z.astype("f4"), x.astype("f4"), y, v


class TasteNet(nn.Module):
    def __init__(self, dim_z, hidden_sizes, n_tastes):
        super().__init__()
        self.seq = nn.Sequential()
        last = dim_z
        for i, size in enumerate(hidden_sizes):
            self.seq.add_module(f"L{i}", nn.Linear(last, size))
            self.seq.add_module(f"A{i}", nn.ReLU())
            last = size
        self.seq.add_module("out", nn.Linear(last, n_tastes))

    def forward(self, z):
        return self.seq(z)


class TasteNetChoice(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.taste = TasteNet(4, args.hidden_sizes, 3)
        self.cost_coef = nn.Parameter(torch.tensor(-1.0))
        self.asc = nn.Parameter(torch.zeros(2))

    def forward(self, z, x):
        b = self.taste(z)
        b = torch.cat([-F.relu(-b[:, :2]), b[:, 2:]], dim=1)
        v = self.cost_coef * x[:, :, 0] + (x[:, :, 1:] * b.unsqueeze(1)).sum(-1)
        return v + torch.cat([self.asc, self.asc.new_zeros(1)])


class Trainer:
    def __init__(self, args, train, dev):
        self.args, self.train_data, self.dev = args, train, dev
        self.model = TasteNetChoice(args)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=args.lr, weight_decay=args.weight_decay)
        self.criterion = nn.CrossEntropyLoss()
        self.writer = DiagWriter(args.log_dir)
        self.writer.watch(self.model, self.optimizer, self.criterion)

    def evaluate(self, data, split):
        z, x, y = data
        with self.writer.evaluating(split):
            v = self.model(z, x)
            nll = self.criterion(v, y)
        return nll.item(), (v.argmax(1) == y).float().mean().item()

    def fit(self):
        z, x, y = self.train_data
        for epoch in range(self.args.num_epochs):
            for idx in torch.randperm(len(y)).split(self.args.batch_size):
                self.optimizer.zero_grad()
                loss = self.criterion(self.model(z[idx], x[idx]), y[idx])
                loss.backward()
                self.optimizer.step()
            nll, acc = self.evaluate(self.dev, "val")
            print(f"[epoch {epoch}] val {nll:.4f} acc {acc:.4f}")


def main():
    args = get_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    sets, best = [], None
    for n in (9000, 2000, 2000):
        z, x, y, v = make_travellers(n, rng)
        sets.append((torch.from_numpy(z), torch.from_numpy(x), torch.from_numpy(y)))
        best = F.cross_entropy(torch.from_numpy(v), sets[-1][2]).item()
    trainer = Trainer(args, sets[0], sets[1])
    trainer.fit()
    nll, acc = trainer.evaluate(sets[2], "test")
    trainer.writer.close()
    share = torch.bincount(sets[0][2]).float() / len(sets[0][2])
    shares_nll = -share.log()[sets[2][2]].mean().item()
    print(f"RESULT test_nll={nll:.4f} test_acc={acc:.4f} market_shares_nll={shares_nll:.4f} true_model_nll={best:.4f}")


if __name__ == "__main__":
    main()
