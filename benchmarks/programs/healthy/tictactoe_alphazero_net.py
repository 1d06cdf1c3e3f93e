"""
NNet.py / pytorch of alpha-zero-general, trained on solved positions of tic-tac-toe instead of self-play:
the policy target is uniform over the optimal moves, the value target is the minimax value (with some random playout noise).
"""
import sys
from functools import lru_cache

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class dotdict(dict):
    def __getattr__(self, name):
        return self[name]


args = dotdict({'lr': 0.005, 'dropout': 0.1, 'epochs': 12, 'batch_size': 64, 'num_channels': 32})
LINES = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)]


def winner(b):
    for i, j, k in LINES:
        if b[i] and b[i] == b[j] == b[k]:
            return b[i]
    return 0


@lru_cache(None)
def solve(b):
    """value for the player to move (1), optimal moves"""
    if winner(b):
        return -1, ()
    moves = [i for i in range(9) if not b[i]]
    if not moves:
        return 0, ()
    vals = {}
    for m in moves:
        c = list(b); c[m] = 1
        vals[m] = -solve(tuple(-x for x in c))[0]
    best = max(vals.values())
    return best, tuple(m for m in moves if vals[m] == best)


class TicTacToeNNet(nn.Module):
    def __init__(self, args):
        super().__init__()
        c = args.num_channels
        self.args = args
        self.conv1 = nn.Conv2d(1, c, 3, stride=1, padding=1)
        self.conv2 = nn.Conv2d(c, c, 3, stride=1, padding=1)
        self.conv3 = nn.Conv2d(c, c, 3, stride=1)
        self.bn1, self.bn2, self.bn3 = nn.BatchNorm2d(c), nn.BatchNorm2d(c), nn.BatchNorm2d(c)
        self.fc1 = nn.Linear(c, 96)
        self.fc_bn1 = nn.BatchNorm1d(96)
        self.fc3 = nn.Linear(96, 9)
        self.fc4 = nn.Linear(96, 1)

    def forward(self, s):
        s = s.view(-1, 1, 3, 3)
        s = F.relu(self.bn1(self.conv1(s)))
        s = F.relu(self.bn2(self.conv2(s)))
        s = F.relu(self.bn3(self.conv3(s)))
        s = s.flatten(1)
        s = F.dropout(F.relu(self.fc_bn1(self.fc1(s))), p=self.args.dropout, training=self.training)
        return F.log_softmax(self.fc3(s), dim=1), torch.tanh(self.fc4(s))


class AlphaLoss(nn.Module):
    def forward(self, out, pi, v):
        l_pi = -torch.sum(pi * out[0]) / pi.size(0)
        l_v = torch.sum((v - out[1].view(-1)) ** 2) / v.size(0)
        return l_pi + l_v


class NNetWrapper:
    def __init__(self, logdir):
        self.nnet = TicTacToeNNet(args)
        self.loss = AlphaLoss()
        self.optimizer = optim.Adam(self.nnet.parameters(), lr=args.lr)
        self.scheduler = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, args.epochs)
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.nnet, self.optimizer, self.loss)

    def train(self, examples, held_out):
        for epoch in range(args.epochs):
            self.nnet.train()
            losses = []
            boards, pis, vs = examples
            for _ in range(len(boards) // args.batch_size):
                ids = np.random.randint(len(boards), size=args.batch_size)
                loss = self.loss(self.nnet(boards[ids]), pis[ids], vs[ids])
                losses.append(loss.item())
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
            self.scheduler.step()
            self.nnet.eval()
            with self.writer.evaluating("val"), torch.no_grad():
                b, p, v = held_out
                out = self.nnet(b)
                val = self.loss(out, p, v).item()
                good = (p.gather(1, out[0].argmax(1, keepdim=True)) > 0).float().mean().item()
            print(f'EPOCH ::: {epoch + 1} loss {np.mean(losses):.4f} held-out {val:.4f} optimal moves {good:.4f}')
        self.writer.close()
        return val, good


def main():
    np.random.seed(0)
    torch.manual_seed(0)
    solve((0,) * 9)
    seen, todo = set(), [(0,) * 9]
    while todo:
        b = todo.pop()
        if b in seen:
            continue
        seen.add(b)
        if winner(b) or all(b):
            continue
        for i in range(9):
            if not b[i]:
                c = list(b); c[i] = 1
                todo.append(tuple(-x for x in c))
    positions = sorted(b for b in seen if not winner(b) and not all(b))
    rng = np.random.RandomState(4)
    rows = []
    for b in positions:
        v, best = solve(b)
        pi = np.zeros(9); pi[list(best)] = 1 / len(best)
        rows.append((b, pi, v if rng.rand() > .1 else rng.choice([-1, 0, 1])))
    rng.shuffle(rows)
    B, P, V = (torch.tensor(np.array([r[k] for r in rows])).float() for k in range(3))
    n = 600
    print(len(B), "positions; entropy of the policy targets:", -(P * (P + 1e-12).log()).sum(1).mean().item())
    val, good = NNetWrapper(sys.argv[1]).train((B[n:], P[n:], V[n:]), (B[:n], P[:n], V[:n]))
    print(f"RESULT val_loss={val:.4f} optimal_move_share={good:.4f}")


if __name__ == "__main__":
    main()
