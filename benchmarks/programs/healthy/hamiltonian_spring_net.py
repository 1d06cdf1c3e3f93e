"""Hamiltonian neural network (Greydanus et al. 2019): learn H(q, p) of a nonlinear spring (Duffing) from noisy derivatives."""
import argparse
import numpy as np
import torch
from tb_lossdiag import DiagWriter

NOISE = 0.05


def field(s):
    q, p = s[:, 0], s[:, 1]
    return np.stack([p, -(q + 0.5 * q ** 3)], 1)


class HNN(torch.nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.l1 = torch.nn.Linear(2, hidden)
        self.l2 = torch.nn.Linear(hidden, hidden)
        self.l3 = torch.nn.Linear(hidden, 1, bias=False)
        for l in (self.l1, self.l2, self.l3):
            torch.nn.init.orthogonal_(l.weight)

    def H(self, s):
        return self.l3(torch.tanh(self.l2(torch.tanh(self.l1(s)))))

    def forward(self, s):
        with torch.enable_grad():
            s = s.detach().requires_grad_(True)
            g, = torch.autograd.grad(self.H(s).sum(), s, create_graph=self.training)
        return torch.stack([g[:, 1], -g[:, 0]], 1)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("logdir")
    ap.add_argument("--lr", type=float, default=3e-3)
    ap.add_argument("--steps", type=int, default=2000)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(8)
    rng = np.random.default_rng(8)
    S = rng.uniform(-1.6, 1.6, (1600, 2))
    D = field(S) + rng.normal(0, NOISE, S.shape)
    S, D = torch.tensor(S, dtype=torch.float32), torch.tensor(D, dtype=torch.float32)
    Str, Dtr, Sva, Dva = S[:1200], D[:1200], S[1200:], D[1200:]
    net = HNN(64)
    opt = torch.optim.Adam(net.parameters(), lr=a.lr, weight_decay=1e-5)
    sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.1 ** (1 / a.steps))
    l2 = torch.nn.MSELoss()
    w = DiagWriter(a.logdir)
    w.watch(net, opt, l2)
    for step in range(a.steps):
        net.train()
        i = torch.randint(0, len(Str), (128,))
        loss = l2(net(Str[i]), Dtr[i])
        loss.backward()
        opt.step()
        opt.zero_grad()
        sched.step()
        if step % 100 == 99:
            net.eval()
            with w.evaluating("val"):
                v = l2(net(Sva), Dva).item()
            if step % 400 == 399:
                print(step + 1, f"train {loss.item():.5f} val {v:.5f}")
    w.close()
    clean = np.mean((net(Sva).detach().numpy() - field(Sva.numpy())) ** 2)
    print(f"RESULT val_mse {v:.5f} noise_floor {NOISE ** 2:.5f} error_to_true_field {clean:.6f}")


if __name__ == "__main__":
    main()
