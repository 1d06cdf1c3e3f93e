"""Reward model from pairwise choices: which of two answers did the rater like better?

Raters are simulated: the answers are bags of 40 style features with a hidden non-linear quality and a logistic
choice (so a good part of the choices is a coin toss). Bradley-Terry loss, -logsigmoid(r_chosen - r_rejected).
"""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.manual_seed(3)
torch.set_num_threads(1)


def quality(x):
    return 0.5 * x[:, 0] + 0.7 * torch.tanh(x[:, 1] * 1.5) - 0.3 * (x[:, 2] ** 2 - 1) + 0.4 * x[:, 3] * x[:, 4] + 0.3 * x[:, 5] - .25 * x[:, 6]


def comparisons(n):
    a, b = torch.randn(n, 40), torch.randn(n, 40)
    p = torch.sigmoid(quality(a) - quality(b))
    first = torch.rand(n) < p
    win = torch.where(first[:, None], a, b)
    lose = torch.where(first[:, None], b, a)
    return win, lose


class RewardModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(40, 64), nn.SiLU(), nn.Dropout(0.1), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))

    def forward(self, pair):                       # (B, 2, 40) -> (B, 2)
        return self.net(pair).squeeze(-1)


class BradleyTerry(nn.Module):
    def forward(self, r):
        return -F.logsigmoid(r[:, 0] - r[:, 1]).mean()


class RewardTrainer:
    def __init__(self, model, logdir, lr=2e-3, epochs=4):
        self.model, self.epochs = model, epochs
        self.opt = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01)
        self.loss_fn = BradleyTerry()
        self.writer = DiagWriter(logdir)
        self.writer.watch(model, self.opt, self.loss_fn)

    def train(self, train_dl, val_dl):
        total = self.epochs * len(train_dl)
        sched = torch.optim.lr_scheduler.LambdaLR(self.opt, lambda s: min(1, s / 50) * max(0.0, 1 - s / total))
        for ep in range(self.epochs):
            self.model.train()
            for i, (pair,) in enumerate(train_dl):
                loss = self.loss_fn(self.model(pair))
                self.opt.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.opt.step()
                sched.step()
                if i % 250 == 249:
                    print(ep, i + 1, self.evaluate(val_dl))
        return self.evaluate(val_dl)

    def evaluate(self, dl):
        self.model.eval()
        ls, acc = [], []
        with torch.no_grad(), self.writer.evaluating("val"):
            for (pair,) in dl:
                r = self.model(pair)
                ls.append(self.loss_fn(r).item())
                acc.append((r[:, 0] > r[:, 1]).float().mean().item())
        self.model.train()
        return sum(ls) / len(ls), sum(acc) / len(acc)


tr, va = torch.stack(comparisons(32000), 1), torch.stack(comparisons(6000), 1)
t = RewardTrainer(RewardModel(), sys.argv[1])
loss, acc = t.train(DataLoader(TensorDataset(tr), 64, shuffle=True), DataLoader(TensorDataset(va), 500))
t.writer.close()
d = quality(va[:, 0]) - quality(va[:, 1])
print("RESULT val_loss", round(loss, 4), "val_acc", round(acc, 4), "truth_loss", round(-F.logsigmoid(d).mean().item(), 4), "truth_acc", round((d > 0).float().mean().item(), 4))
