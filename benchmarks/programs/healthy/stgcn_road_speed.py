import argparse
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
import torch.utils.data as tud

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)

# STGCN (Yu et al. 2018), shortened from hazdzz/STGCN: gated temporal conv - graph conv - gated temporal conv, LayerNorm, output head


def gso_normalise(A):
    A = A + np.eye(len(A))
    d = A.sum(1) ** -.5
    return torch.tensor(d[:, None] * A * d[None], dtype=torch.float32)


class TemporalGLU(nn.Module):
    def __init__(self, kt, c_in, c_out):
        super().__init__()
        self.kt, self.c_out = kt, c_out
        self.align = nn.Conv2d(c_in, c_out, 1) if c_in > c_out else None
        self.c_in = c_in
        self.conv = nn.Conv2d(c_in, 2 * c_out, (kt, 1))

    def forward(self, x):                    # B C T N
        r = self.align(x) if self.align is not None else torch.cat([x, x.new_zeros(x.shape[0], self.c_out - self.c_in, *x.shape[2:])], 1)
        p, q = self.conv(x).chunk(2, 1)
        return (p + r[:, :, self.kt - 1:]) * torch.sigmoid(q)


class STBlock(nn.Module):
    def __init__(self, kt, c_in, c, n, gso, drop):
        super().__init__()
        self.t1, self.t2 = TemporalGLU(kt, c_in, c[0]), TemporalGLU(kt, c[1], c[2])
        self.register_buffer("gso", gso)
        self.lin = nn.Linear(c[0], c[1])
        self.norm, self.drop = nn.LayerNorm([n, c[2]]), nn.Dropout(drop)

    def forward(self, x):
        x = self.t1(x)
        x = torch.relu(self.lin(torch.einsum("nm,bctm->btnc", self.gso, x))).permute(0, 3, 1, 2)
        x = self.t2(x)
        return self.drop(self.norm(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


class STGCN(nn.Module):
    def __init__(self, n, gso, kt=3, n_his=12, drop=.2):
        super().__init__()
        self.blocks = nn.Sequential(STBlock(kt, 1, (16, 8, 16), n, gso, drop), STBlock(kt, 16, (16, 8, 16), n, gso, drop))
        ko = n_his - 2 * 2 * (kt - 1)
        self.tmp = TemporalGLU(ko, 16, 32)
        self.norm = nn.LayerNorm([n, 32])
        self.fc = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Dropout(drop), nn.Linear(32, 1))

    def forward(self, x):
        x = self.tmp(self.blocks(x)).permute(0, 2, 3, 1)
        return self.fc(self.norm(x)).reshape(len(x), -1)


def roads(n=20, days=24, seed=0):
    rng = np.random.default_rng(seed)
    pos = rng.random((n, 2))
    dist = np.linalg.norm(pos[:, None] - pos[None], axis=-1)
    A = np.exp(-dist ** 2 / .03) * (dist < .35)
    np.fill_diagonal(A, 0)
    P = (A + .5 * np.eye(n)) / (A + .5 * np.eye(n)).sum(1, keepdims=True)
    S = 144                                   # ten minutes
    jam, v = np.zeros(n), []
    amp, phase = rng.uniform(8, 20, n), rng.normal(0, 4, n)
    for t in range(days * S):
        h = t % S
        rush = np.exp(-((h - 50 - phase) / 9) ** 2) + np.exp(-((h - 105 - phase) / 12) ** 2)
        jam = .93 * (P @ jam) + (rng.random(n) < .012) * rng.uniform(5, 25, n)
        v.append(62 - amp * rush * (0.35 if t // S % 7 > 4 else 1) - jam + rng.normal(0, 1.5, n))
    return A, np.array(v)


parser = argparse.ArgumentParser()
parser.add_argument("logdir")
parser.add_argument("--n_pred", type=int, default=3)
parser.add_argument("--lr", type=float, default=0.003)
parser.add_argument("--epochs", type=int, default=10)
args = parser.parse_args()
torch.manual_seed(42)

A, vel = roads()
n_tr, n_va = 17 * 144, 3 * 144
mean, std = vel[:n_tr].mean(), vel[:n_tr].std()
z = torch.tensor((vel - mean) / std, dtype=torch.float32)


def windows(lo, hi):
    i = torch.arange(lo, hi - 12 - args.n_pred)
    return tud.TensorDataset(torch.stack([z[k:k + 12] for k in i])[:, None], z[i + 11 + args.n_pred])


train_iter = tud.DataLoader(windows(0, n_tr), batch_size=32, shuffle=True)
val_iter = tud.DataLoader(windows(n_tr, n_tr + n_va), batch_size=128)
test_iter = tud.DataLoader(windows(n_tr + n_va, len(z)), batch_size=128)
model = STGCN(20, gso_normalise(A))
loss = nn.MSELoss()
optimizer = optim.NAdam(model.parameters(), lr=args.lr, weight_decay=1e-4)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, loss)


@torch.no_grad()
def evaluate(it):
    model.eval()
    s = n = 0
    for x, y in it:
        s += loss(model(x), y).item() * len(y); n += len(y)
    return s / n


for epoch in range(args.epochs):
    l_sum, n = 0.0, 0
    model.train()
    for x, y in train_iter:
        optimizer.zero_grad()
        l = loss(model(x), y)
        l.backward()
        optimizer.step()
        l_sum += l.item() * y.shape[0]; n += y.shape[0]
    scheduler.step()
    with writer.evaluating("val"):
        val_loss = evaluate(val_iter)
    print("Epoch: {:03d} | Train loss: {:.6f} | Val loss: {:.6f}".format(epoch + 1, l_sum / n, val_loss))
writer.close()
naive = np.mean([((x[:, 0, -1] - y) ** 2).mean().item() for x, y in test_iter])
print(f"RESULT train {l_sum / n:.4f} val {val_loss:.4f} test {evaluate(test_iter):.4f} (last value {naive:.4f}, variance 1)")
