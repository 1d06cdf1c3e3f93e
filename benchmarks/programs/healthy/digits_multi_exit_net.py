import sys
from dataclasses import dataclass
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter


@dataclass
class Config:
    batch: int = 48
    epochs: int = 14
    lr: float = 0.08
    momentum: float = 0.9
    wd: float = 5e-4
    exit_weights: tuple = (1.0, 0.6, 0.3)     # BranchyNet: earlier exits weighted higher
    seed: int = 5


def block(i, o, stride):
    return nn.Sequential(nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())


class BranchyDigits(nn.Module):
    def __init__(self):
        super().__init__()
        self.s1, self.s2, self.s3 = block(1, 16, 1), block(16, 32, 2), block(32, 64, 2)
        self.e1 = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * 16, 10))
        self.e2 = nn.Sequential(nn.Flatten(), nn.Linear(32 * 16, 10))
        self.e3 = nn.Sequential(nn.Flatten(), nn.Linear(64 * 4, 10))

    def forward(self, x):
        a = self.s1(x)
        b = self.s2(a)
        c = self.s3(b)
        return self.e1(a), self.e2(b), self.e3(c)


class ExitLoss(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.weights = weights

    def forward(self, outs, y):
        return sum(w * F.cross_entropy(o, y) for w, o in zip(self.weights, outs))


def shift(x):
    dx, dy = torch.randint(-1, 2, (2,)).tolist()
    return torch.roll(F.pad(x, (1, 1, 1, 1)), (dy, dx), (2, 3))[:, :, 1:-1, 1:-1]


def main(cfg, logdir):
    torch.set_num_threads(1)
    torch.manual_seed(cfg.seed)
    d = load_digits()
    X = torch.tensor(d.images / 16.0).float()[:, None]
    X = (X - 0.305) / 0.376
    y = torch.tensor(d.target)
    tr, va = train_test_split(range(len(y)), test_size=0.25, stratify=d.target, random_state=0)
    Xtr, ytr, Xva, yva = X[tr], y[tr], X[va], y[va]
    model, crit = BranchyDigits(), ExitLoss(cfg.exit_weights)
    opt = torch.optim.SGD(model.parameters(), lr=cfg.lr, momentum=cfg.momentum, weight_decay=cfg.wd, nesterov=True)
    steps = cfg.epochs * (len(Xtr) // cfg.batch)
    # one triangle up, one long way down
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, cfg.lr, total_steps=steps, pct_start=0.25, anneal_strategy="linear")
    writer = DiagWriter(logdir)
    writer.watch(model, opt, crit)
    for epoch in range(cfg.epochs):
        model.train()
        perm = torch.randperm(len(Xtr))
        for i in range(0, len(Xtr) - cfg.batch + 1, cfg.batch):
            idx = perm[i:i + cfg.batch]
            opt.zero_grad()
            loss = crit(model(shift(Xtr[idx])), ytr[idx])
            loss.backward()
            opt.step()
            sched.step()
        model.eval()
        with writer.evaluating("val"):
            outs = model(Xva)
            vloss = crit(outs, yva).item()
        accs = [(o.argmax(1) == yva).float().mean().item() for o in outs]
        print(epoch, f"train {loss.item():.3f} val {vloss:.3f}", ["%.3f" % a for a in accs])
    writer.close()
    from sklearn.svm import SVC
    svc = SVC(C=10).fit(Xtr.flatten(1).numpy(), ytr.numpy()).score(Xva.flatten(1).numpy(), yva.numpy())
    print(f"RESULT val_loss {vloss:.4f} exit1 {accs[0]:.4f} exit2 {accs[1]:.4f} exit3 {accs[2]:.4f} svc {svc:.4f}")


if __name__ == "__main__":
    main(Config(), sys.argv[1])
