"""L0 regularisation with hard-concrete gates (Louizos, Welling, Kingma 2018) to find a small panel of biomarkers.

80 correlated markers, 9 of which matter; the answer is a noisy yes/no.  Gates sit on the inputs and on the hidden units;
most of them are to be closed at the end.
"""
import sys
import math
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter


class HardConcrete(nn.Module):
    beta, gamma, zeta = 2 / 3, -0.1, 1.1

    def __init__(self, n, droprate_init=0.5):
        super().__init__()
        self.qz_loga = nn.Parameter(torch.randn(n) * 1e-2 + math.log(1 - droprate_init) - math.log(droprate_init))

    def expected_open(self):
        return torch.sigmoid(self.qz_loga - self.beta * math.log(-self.gamma / self.zeta))

    def forward(self, batch):
        if self.training:
            u = torch.empty(batch, self.qz_loga.numel()).uniform_(1e-6, 1 - 1e-6)
            s = torch.sigmoid((u.log() - (1 - u).log() + self.qz_loga) / self.beta)
        else:
            s = torch.sigmoid(self.qz_loga).expand(batch, -1)
        return (s * (self.zeta - self.gamma) + self.gamma).clamp(0, 1)


class L0Dense(nn.Module):
    def __init__(self, fin, fout, droprate_init=0.5):
        super().__init__()
        self.weights = nn.Parameter(torch.randn(fin, fout) * math.sqrt(2 / fin))
        self.bias = nn.Parameter(torch.zeros(fout))
        self.gate = HardConcrete(fin, droprate_init)

    def forward(self, x):
        return (x * self.gate(len(x))) @ self.weights + self.bias


class Panel(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.l1 = L0Dense(d, 32, 0.3)
        self.l2 = L0Dense(32, 1, 0.3)

    def forward(self, x):
        return self.l2(torch.relu(self.l1(x))).squeeze(1)

    def l0(self):
        return 32 * self.l1.gate.expected_open().sum() + self.l2.gate.expected_open().sum()


def cohort(n, g):
    f = g.normal(size=(n, 12))
    load = np.random.default_rng(1).normal(size=(12, 80)) * 0.22
    x = f @ load + g.normal(size=(n, 80)) * 0.75
    s = 1.1 * x[:, 3] - 0.9 * x[:, 17] + 0.9 * x[:, 25] * x[:, 40] + 0.8 * np.maximum(x[:, 51], 0) - 0.7 * x[:, 60] \
        + 0.8 * x[:, 66] + 0.6 * np.abs(x[:, 72]) - 0.6 * x[:, 79] - 0.5
    p = 1 / (1 + np.exp(-1.2 * s))
    return torch.tensor(x, dtype=torch.float32), torch.tensor(g.random(n) < p, dtype=torch.float32), p


def main():
    torch.set_num_threads(1)
    torch.manual_seed(2)
    g = np.random.default_rng(5)
    x, y, _ = cohort(6000, g)
    xv, yv, pv = cohort(3000, g)
    lam = 0.6 / 6000
    base_lr = 8e-3
    n_epochs = 30

    net = Panel(80)
    gates = [p for n, p in net.named_parameters() if "qz" in n]
    rest = [p for n, p in net.named_parameters() if "qz" not in n]
    optimizer = torch.optim.Adam([{"params": rest, "lr": base_lr}, {"params": gates, "lr": 5 * base_lr}])
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_epochs)
    bce = nn.BCEWithLogitsLoss()
    writer = DiagWriter(sys.argv[1])
    writer.watch(net, optimizer, bce)
    for epoch in range(n_epochs):
        net.train()
        tot = 0
        for idx in torch.randperm(len(x)).split(100):
            nll = bce(net(x[idx]), y[idx])
            loss = nll + lam * net.l0()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            tot += nll.item() * len(idx)
        scheduler.step()
        net.eval()
        with writer.evaluating("val"), torch.no_grad():
            out = net(xv)
            v = bce(out, yv).item()
        if epoch % 3 == 2:
            z = net.l1.gate(1)[0]
            print(f"epoch {epoch + 1:2d} nll {tot / len(x):.4f} val {v:.4f} auc {roc_auc_score(yv, out):.4f} "
                  f"markers in use {(z > 0).sum().item()} hidden {(net.l2.gate(1)[0] > 0).sum().item()}")
    writer.close()
    with torch.no_grad():
        used = (net.l1.gate(1)[0] > 0).nonzero()[:, 0].tolist()
    yn = yv.numpy()
    floor = -(yn * np.log(pv) + (1 - yn) * np.log(1 - pv)).mean()
    print("panel:", used)
    print(f"RESULT val_nll {v:.4f} bayes {floor:.4f} auc {roc_auc_score(yv, out):.4f} bayes_auc {roc_auc_score(yv, pv):.4f} markers {len(used)}")


if __name__ == "__main__":
    main()
