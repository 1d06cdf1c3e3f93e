"""Learning to learn by gradient descent by gradient descent (Andrychowicz et al. 2016): a coordinate-wise LSTM is the optimizer.

Every episode brings new random least-squares problems, so the meta loss (sum over the unroll of the optimizee's losses) is noisy
and cannot go to zero.  Compared at the end with the best SGD/momentum step size on the same test problems.
"""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(12)

DIM, UNROLL, TOTAL = 10, 20, 60
META_LR = 3e-2
EPISODES = 100


def sample_problems(n):
    W = torch.randn(n, DIM, DIM)
    y = torch.randn(n, DIM)
    return lambda th: ((W @ th.unsqueeze(-1)).squeeze(-1) - y).pow(2).sum(1), lambda th: 2 * (W.transpose(1, 2) @ ((W @ th.unsqueeze(-1)).squeeze(-1) - y).unsqueeze(-1)).squeeze(-1)


class LSTMOptimizer(nn.Module):
    def __init__(self, hidden=20, p=10.0, out_mul=0.1):
        super().__init__()
        self.p, self.out_mul, self.hidden = p, out_mul, hidden
        self.cell1 = nn.LSTMCell(2, hidden)
        self.cell2 = nn.LSTMCell(hidden, hidden)
        self.out = nn.Linear(hidden, 1)

    def init_state(self, n):
        return [torch.zeros(n, self.hidden) for _ in range(4)]

    def preprocess(self, g):                     # appendix A of the paper
        small = g.abs() < np.exp(-self.p)
        a = torch.where(small, torch.full_like(g, -1.0), (g.abs() + 1e-12).log() / self.p)
        b = torch.where(small, np.exp(self.p) * g, g.sign())
        return torch.stack([a, b], -1)

    def forward(self, grad, st):
        h1, c1 = self.cell1(self.preprocess(grad), (st[0], st[1]))
        h2, c2 = self.cell2(h1, (st[2], st[3]))
        return self.out(h2).squeeze(-1) * self.out_mul, [h1, c1, h2, c2]


def run_optimizee(net, n_problems, meta_opt=None, writer=None):
    f, df = sample_problems(n_problems)
    theta = torch.randn(n_problems, DIM)
    state = net.init_state(n_problems * DIM)
    curve, acc = [f(theta).mean().item()], 0.0
    for t in range(1, TOTAL + 1):
        g = df(theta.detach()).view(-1)           # gradients of the optimizee are taken as constants
        update, state = net(g, state)
        theta = theta + update.view_as(theta)
        loss = f(theta).mean()
        curve.append(loss.item())
        acc = acc + loss
        if t % UNROLL == 0:
            if meta_opt is not None:
                acc = acc / UNROLL
                writer.add_loss("train", acc)
                meta_opt.zero_grad()
                acc.backward()
                nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                meta_opt.step()
            theta, state, acc = theta.detach(), [s.detach() for s in state], 0.0
    return np.array(curve)


def hand_tuned():
    best = (np.inf, None)
    for lr in (0.002, 0.005, 0.01, 0.015, 0.02, 0.03):
        for mom in (0.0, 0.8, 0.9):
            torch.manual_seed(999)
            f, df = sample_problems(256)
            th = torch.randn(256, DIM)
            v, c = torch.zeros_like(th), []
            for _ in range(TOTAL):
                v = mom * v - lr * df(th)
                th = th + v
                c.append(f(th).mean().item())
            if np.mean(c) < best[0]:
                best = (np.mean(c), c[-1], lr, mom)
    return best


net = LSTMOptimizer()
meta_opt = torch.optim.Adam(net.parameters(), lr=META_LR)
sched = torch.optim.lr_scheduler.StepLR(meta_opt, EPISODES // 3, 0.3)
writer = DiagWriter(sys.argv[1])
writer.watch(net, meta_opt)
for ep in range(1, EPISODES + 1):
    curve = run_optimizee(net, 32, meta_opt, writer)
    sched.step()
    if ep % 15 == 0:
        keep = torch.get_rng_state()
        torch.manual_seed(999)
        with writer.evaluating("val"), torch.no_grad():
            c = run_optimizee(net, 256)
            writer.add_loss("val", float(c[1:].mean()))
        torch.set_rng_state(keep)
        print(f"episode {ep:4d}  start {c[0]:.2f}  mean over {TOTAL} steps {c[1:].mean():.3f}  end {c[-1]:.3f}")
writer.close()
b = hand_tuned()
print(f"RESULT learned mean {c[1:].mean():.3f} end {c[-1]:.3f} | best sgd mean {b[0]:.3f} end {b[1]:.3f} (lr {b[2]}, momentum {b[3]})")
