"""World model for a driven, damped double spring (simulated, torch.randn controls): a recurrent latent model unrolled
over 60 steps of open-loop prediction, trained by backpropagation through the whole unroll.

python double_spring_world_model.py {faulty,fixed} LOGDIR
"""
import sys

import numpy as np
import torch
import torch.nn as nn

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED, HORIZON, STEPS, BATCH = 7, 60, 500, 32
torch.manual_seed(SEED)
np.random.seed(SEED)


def simulate(n, horizon):
    s = np.random.uniform(-1, 1, (n, 4))
    u = np.zeros((n, horizon))
    a = np.random.randn(n)
    for t in range(horizon):
        a = 0.9 * a + 0.45 * np.random.randn(n)
        u[:, t] = a
    out = []
    for t in range(horizon):
        x1, v1, x2, v2 = s.T
        f1 = -1.5 * x1 - 0.3 * np.tanh(x1) * x1 ** 2 + 1.0 * (x2 - x1) - 0.5 * v1 + 1.0 * u[:, t]
        f2 = -1.0 * (x2 - x1) - 0.5 * np.sin(2 * x2) - 0.5 * v2
        s = s + 0.12 * np.stack([v1, f1, v2, f2], 1)
        out.append(s)
    return u, np.stack(out, 1)


class Unrolled(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.encode = nn.Linear(4, hidden)
        self.w_h = nn.Linear(hidden, hidden)
        self.w_u = nn.Linear(1, hidden)
        self.decode = nn.Linear(hidden, 4)
        nn.init.orthogonal_(self.w_h.weight, gain=1.1)

    def forward(self, s0, controls):
        h = self.encode(s0)
        preds = []
        for t in range(controls.shape[1]):
            h = torch.relu(self.w_h(h) + self.w_u(controls[:, t:t + 1]))
            preds.append(self.decode(h))
        return torch.stack(preds, 1)


def main(form, logdir):
    u, s = simulate(2400, HORIZON + 1)
    s = (s - s.mean((0, 1))) / s.std((0, 1))
    u, s = torch.tensor(u, dtype=torch.float32), torch.tensor(s, dtype=torch.float32)
    s0, ctrl, target = s[:, 0], u[:, 1:], s[:, 1:]
    tr, va = slice(0, 2000), slice(2000, 2400)

    model = Unrolled()
    mse = nn.MSELoss()
    opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    writer = DiagWriter(logdir)
    writer.watch(model, opt, mse)
    for step in range(1, STEPS + 1):
        model.train()
        i = torch.randint(0, 2000, (BATCH,))
        loss = mse(model(s0[tr][i], ctrl[tr][i]), target[tr][i])
        opt.zero_grad()
        loss.backward()
        if form == "fixed":
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        opt.step()
        if step % 50 == 0:
            with writer.evaluating("val"):
                v = mse(model(s0[va], ctrl[va]), target[va]).item()
            print(f"step {step} train {loss.item():.4f} val {v:.4f}")
    writer.close()
    print("RESULT val_mse", round(v, 4))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
