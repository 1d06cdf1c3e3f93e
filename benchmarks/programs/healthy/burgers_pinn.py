"""Physics-informed net for the viscous Burgers equation: Adam first, then L-BFGS with strong Wolfe search
(after maziarraissi/PINNs and jayroxis/PINNs, "Burgers Inference (PyTorch)")."""
import sys
from collections import OrderedDict
import numpy as np
import torch
from tb_lossdiag import DiagWriter

torch.manual_seed(0)
np.random.seed(0)
NU = 0.05


class DNN(torch.nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.depth = len(layers) - 1
        layer_list = []
        for i in range(self.depth - 1):
            lin = torch.nn.Linear(layers[i], layers[i + 1])
            torch.nn.init.xavier_normal_(lin.weight)
            torch.nn.init.zeros_(lin.bias)
            layer_list += [('layer_%d' % i, lin), ('activation_%d' % i, torch.nn.Tanh())]
        layer_list.append(('layer_%d' % (self.depth - 1), torch.nn.Linear(layers[-2], layers[-1])))
        self.layers = torch.nn.Sequential(OrderedDict(layer_list))

    def forward(self, x):
        return self.layers(x)


def reference(nx=201, nt=4000):
    """finite differences for u_t + u u_x = nu u_xx, u(0, x) = -sin(pi x), u(t, +-1) = 0, t to 1"""
    x = np.linspace(-1, 1, nx)
    u, dx, dt = -np.sin(np.pi * x), 2 / (nx - 1), 1 / nt
    for _ in range(nt):
        flux = u ** 2 / 2
        u[1:-1] += dt * (-(flux[2:] - flux[:-2]) / (2 * dx) + NU * (u[2:] - 2 * u[1:-1] + u[:-2]) / dx ** 2)
    return x, u


class PhysicsInformedNN:
    def __init__(self, writer, n_u=100, n_f=800):
        x0 = np.random.uniform(-1, 1, n_u // 2)
        tb = np.random.uniform(0, 1, n_u // 2)
        xb = np.where(np.random.rand(n_u // 2) < .5, -1., 1.)
        X = np.concatenate([np.stack([x0, 0 * x0], 1), np.stack([xb, tb], 1)])
        self.X_u = torch.tensor(X, dtype=torch.float32)
        self.u = torch.tensor(np.concatenate([-np.sin(np.pi * x0), 0 * tb]), dtype=torch.float32)[:, None]
        self.x_f = torch.empty(n_f, 1).uniform_(-1, 1).requires_grad_()
        self.t_f = torch.empty(n_f, 1).uniform_(0, 1).requires_grad_()
        self.dnn = DNN([2, 20, 20, 20, 1])
        self.adam = torch.optim.Adam(self.dnn.parameters(), lr=5e-3)
        self.lbfgs = torch.optim.LBFGS(self.dnn.parameters(), lr=1.0, max_iter=250, history_size=50,
                                       tolerance_grad=1e-6, tolerance_change=1e-9, line_search_fn="strong_wolfe")
        self.writer = writer
        self.iter = 0

    def net_u(self, x, t):
        return self.dnn(torch.cat([x, t], dim=1))

    def net_f(self, x, t):
        grad = lambda y, v: torch.autograd.grad(y, v, torch.ones_like(y), create_graph=True)[0]
        u = self.net_u(x, t)
        u_t, u_x = grad(u, t), grad(u, x)
        u_xx = grad(u_x, x)
        return u_t + u * u_x - NU * u_xx

    def loss_func(self, optimizer):
        optimizer.zero_grad()
        loss_u = torch.mean((self.u - self.dnn(self.X_u)) ** 2)
        loss_f = torch.mean(self.net_f(self.x_f, self.t_f) ** 2)
        loss = loss_u + loss_f
        self.writer.add_loss("train", loss)
        loss.backward()
        self.iter += 1
        if self.iter % 150 == 0:
            print('Iter %d, Loss: %.3e, Loss_u: %.3e, Loss_f: %.3e' % (self.iter, loss.item(), loss_u.item(), loss_f.item()))
        return loss

    def train(self):
        self.writer.watch(self.dnn, [self.adam, self.lbfgs])
        for _ in range(600):
            self.loss_func(self.adam)
            self.adam.step()
        print('after Adam: relative error %.4f' % self.error())
        # Backward and optimize
        self.lbfgs.step(lambda: self.loss_func(self.lbfgs))
        print('after L-BFGS: relative error %.4f' % self.error())

    def error(self):
        x, u = reference()
        with torch.no_grad():
            xt = torch.tensor(x, dtype=torch.float32)[:, None]
            p = self.net_u(xt, torch.ones_like(xt))[:, 0].numpy()
        return np.linalg.norm(p - u) / np.linalg.norm(u)


if __name__ == '__main__':
    PhysicsInformedNN(DiagWriter(sys.argv[1])).train()
