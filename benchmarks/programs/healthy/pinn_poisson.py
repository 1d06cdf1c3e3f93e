"""Physics-informed network for  -u'' = pi^2 sin(pi x) + 4 pi^2 sin(2 pi x)  on [0, 1], u(0) = u(1) = 0; Adam, then L-BFGS."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.manual_seed(1234)
torch.set_num_threads(1)
pi = np.pi


class PhysicsInformedNN:
    def __init__(self, layers, logdir):
        mods = []
        for i in range(len(layers) - 2):
            lin = nn.Linear(layers[i], layers[i + 1])
            nn.init.xavier_normal_(lin.weight)
            nn.init.zeros_(lin.bias)
            mods += [lin, nn.Tanh()]
        self.dnn = nn.Sequential(*mods, nn.Linear(layers[-2], layers[-1]))
        self.x_f = torch.linspace(0, 1, 100)[:, None].requires_grad_(True)
        self.x_b = torch.tensor([[0.], [1.]])
        self.opt_adam = torch.optim.Adam(self.dnn.parameters(), lr=5e-3)
        self.opt_lbfgs = torch.optim.LBFGS(self.dnn.parameters(), lr=1.0, max_iter=4, history_size=50,
                                           line_search_fn="strong_wolfe")
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.dnn, self.opt_adam)

    def net_u(self, x):
        return self.dnn(2 * x - 1)

    def loss(self):
        u = self.net_u(self.x_f)
        u_x = torch.autograd.grad(u.sum(), self.x_f, create_graph=True)[0]
        u_xx = torch.autograd.grad(u_x.sum(), self.x_f, create_graph=True)[0]
        f = u_xx + pi ** 2 * torch.sin(pi * self.x_f) + 4 * pi ** 2 * torch.sin(2 * pi * self.x_f)
        return 50 * (self.net_u(self.x_b) ** 2).mean() + (f ** 2).mean() / 100

    def error(self):
        with torch.no_grad():
            x = torch.linspace(0, 1, 333)[:, None]
            ex = torch.sin(pi * x) + torch.sin(2 * pi * x)
            return ((self.net_u(x) - ex).norm() / ex.norm()).item()

    def train(self, n_adam=1200):
        sched = torch.optim.lr_scheduler.CosineAnnealingLR(self.opt_adam, n_adam)
        for it in range(n_adam):
            self.opt_adam.zero_grad()
            loss = self.loss()
            self.writer.add_loss("train", loss)
            loss.backward()
            self.opt_adam.step()
            sched.step()
            if it % 200 == 0 or it == n_adam - 1:
                print('Adam %d loss %.3e rel. error %.3e' % (it, loss.item(), self.error()))
        self.writer.close()

        def closure():
            self.opt_lbfgs.zero_grad()
            l = self.loss()
            l.backward()
            return l
        for _ in range(20):
            l = self.opt_lbfgs.step(closure)
        print('after L-BFGS loss %.3e rel. error %.3e' % (l.item(), self.error()))


PhysicsInformedNN([1, 20, 20, 20, 1], sys.argv[1]).train()
