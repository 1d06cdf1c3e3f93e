import argparse
import math
import sys
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

# LSTNet on hourly road occupancy, as in laiguokun/LSTNet main.py (traffic settings, smaller)
torch.set_num_threads(1)
parser = argparse.ArgumentParser(description='PyTorch Time series forecasting')
parser.add_argument('save')
parser.add_argument('--hidCNN', type=int, default=24)
parser.add_argument('--hidRNN', type=int, default=24)
parser.add_argument('--window', type=int, default=72)
parser.add_argument('--CNN_kernel', type=int, default=6)
parser.add_argument('--highway_window', type=int, default=24)
parser.add_argument('--clip', type=float, default=10.)
parser.add_argument('--epochs', type=int, default=14)
parser.add_argument('--batch_size', type=int, default=64)
parser.add_argument('--dropout', type=float, default=0.2)
parser.add_argument('--seed', type=int, default=54321)
parser.add_argument('--lr', type=float, default=0.002)
parser.add_argument('--horizon', type=int, default=3)
parser.add_argument('--skip', type=int, default=24)
parser.add_argument('--hidSkip', type=int, default=5)
args = parser.parse_args()
torch.manual_seed(args.seed); np.random.seed(args.seed)


def occupancy(T=3600, m=12):
    t = np.arange(T); day, wk = t % 24, (t // 24) % 7
    out = np.zeros((T, m)); shock = np.zeros(T)
    for i in range(1, T):
        shock[i] = .8 * shock[i - 1] + np.random.normal(0, .16)
    for j in range(m):
        a, b = np.random.uniform(.05, .16, 2)
        base = .02 + a * np.exp(-((day - 8) / 1.8) ** 2) + b * np.exp(-((day - 17.5) / 2.3) ** 2) + .03 * np.sin(np.pi * day / 24)
        base = base * np.where(wk >= 5, .55, 1)
        out[:, j] = base * np.exp(np.roll(shock, np.random.randint(0, 3)) + np.random.normal(0, .07, T))
    return out


class Data_utility(object):
    def __init__(self, train, valid, horizon, window):
        self.P, self.h = window, horizon
        raw = occupancy()
        self.n, self.m = raw.shape
        self.scale = torch.tensor(np.abs(raw).max(0)).float()
        self.dat = raw / np.abs(raw).max(0)
        n1, n2 = int(train * self.n), int((train + valid) * self.n)
        self.train = self._batchify(range(self.P + self.h - 1, n1))
        self.valid = self._batchify(range(n1, n2))
        self.test = self._batchify(range(n2, self.n))
        tmp = self.valid[1] * self.scale
        self.rse = tmp.std().item(); self.rae = (tmp - tmp.mean()).abs().mean().item()

    def _batchify(self, idx):
        X = np.stack([self.dat[i - self.h + 1 - self.P:i - self.h + 1] for i in idx]); Y = np.stack([self.dat[i] for i in idx])
        return torch.tensor(X).float(), torch.tensor(Y).float()

    def get_batches(self, inputs, targets, batch_size, shuffle=True):
        index = torch.randperm(len(inputs)) if shuffle else torch.arange(len(inputs))
        for s in range(0, len(inputs), batch_size):
            yield inputs[index[s:s + batch_size]], targets[index[s:s + batch_size]]


class Model(nn.Module):
    def __init__(self, args, data):
        super().__init__()
        self.P, self.m, self.hidC, self.hidR, self.hidS, self.Ck, self.skip, self.hw = args.window, data.m, args.hidCNN, args.hidRNN, args.hidSkip, args.CNN_kernel, args.skip, args.highway_window
        self.pt = (self.P - self.Ck) // self.skip
        self.conv1 = nn.Conv2d(1, self.hidC, kernel_size=(self.Ck, self.m))
        self.GRU1 = nn.GRU(self.hidC, self.hidR)
        self.dropout = nn.Dropout(p=args.dropout)
        self.GRUskip = nn.GRU(self.hidC, self.hidS)
        self.linear1 = nn.Linear(self.hidR + self.skip * self.hidS, self.m)
        self.highway = nn.Linear(self.hw, 1)

    def forward(self, x):
        b = x.size(0)
        c = self.dropout(F.relu(self.conv1(x.view(-1, 1, self.P, self.m)))).squeeze(3)
        _, r = self.GRU1(c.permute(2, 0, 1).contiguous())
        r = self.dropout(r.squeeze(0))
        s = c[:, :, -self.pt * self.skip:].contiguous().view(b, self.hidC, self.pt, self.skip)
        s = s.permute(2, 0, 3, 1).contiguous().view(self.pt, b * self.skip, self.hidC)
        _, s = self.GRUskip(s)
        s = self.dropout(s.view(b, self.skip * self.hidS))
        res = self.linear1(torch.cat((r, s), 1))
        z = self.highway(x[:, -self.hw:, :].permute(0, 2, 1).contiguous().view(-1, self.hw)).view(-1, self.m)
        return torch.sigmoid(res + z)


def evaluate(data, XY, model, split):
    model.eval()
    l2 = l1 = n = 0
    with writer.evaluating(split):
        for X, Y in data.get_batches(*XY, args.batch_size, False):
            out = model(X)
            l2 += evaluateL2(out * data.scale, Y * data.scale).item(); l1 += evaluateL1(out * data.scale, Y * data.scale).item()
            n += out.numel()
    return math.sqrt(l2 / n) / data.rse, (l1 / n) / data.rae


def train(data, model, criterion, optim):
    model.train(); total = n = 0
    for X, Y in data.get_batches(*data.train, args.batch_size, True):
        model.zero_grad()
        output = model(X)
        loss = criterion(output * data.scale, Y * data.scale)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), args.clip)
        optim.step()
        total += loss.item(); n += output.numel()
    return total / n


Data = Data_utility(0.6, 0.2, args.horizon, args.window)
model = Model(args, Data)
criterion = nn.L1Loss(reduction='sum')
evaluateL2 = nn.MSELoss(reduction='sum'); evaluateL1 = nn.L1Loss(reduction='sum')
optim = torch.optim.Adam(model.parameters(), lr=args.lr)
writer = DiagWriter(args.save)
writer.watch(model, optim, criterion)
best_val = 1e7
for epoch in range(1, args.epochs + 1):
    t0 = time.time()
    train_loss = train(Data, model, criterion, optim)
    rse, rae = evaluate(Data, Data.valid, model, 'val')
    print('| end of epoch {:3d} | time: {:5.2f}s | train_loss {:5.4f} | valid rse {:5.4f} | valid rae {:5.4f}'.format(epoch, time.time() - t0, train_loss, rse, rae))
    if rse < best_val:
        best, best_val = {k: v.clone() for k, v in model.state_dict().items()}, rse
model.load_state_dict(best)
trse, trae = evaluate(Data, Data.test, model, 'test')
writer.close()
pers = (Data.test[0][:, -24 + args.horizon - 1 if args.horizon < 24 else -1] - Data.test[1]).mul(Data.scale).pow(2).mean().sqrt().item() / Data.rse
print(f'RESULT train l1 {train_loss:.5f} best valid rse {best_val:.4f} last {rse:.4f} test rse {trse:.4f} (yesterday {pers:.4f})')
