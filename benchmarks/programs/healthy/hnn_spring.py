"""Hamiltonian neural network of a spring: the loss is on the gradient of the network's output with respect
to its input (double backward), full batch, orthogonal initialisation, tanh.
Port of greydanus/hamiltonian-nn experiment-spring/train.py."""
import sys
import numpy as np
import torch
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class Args:
    input_dim, hidden_dim, learn_rate, total_steps, print_every, seed = 2, 200, 1e-3, 2000, 200, 0


def get_dataset(seed, samples=50, noise_std=0.1):
    """noisy trajectories of H = q^2 + p^2 with the exact derivatives of the clean one"""
    rng = np.random.RandomState(seed)
    xs, dxs = [], []
    for _ in range(samples):
        t = np.linspace(0, 3, 30)
        r, ph = rng.rand() * 0.9 + 0.1, rng.rand() * 2 * np.pi
        q, p = r * np.cos(ph - 2 * t), r * np.sin(ph - 2 * t)
        dq, dp = 2 * r * np.sin(ph - 2 * t), -2 * r * np.cos(ph - 2 * t)
        xs.append(np.stack([q + rng.randn(30) * noise_std, p + rng.randn(30) * noise_std], 1))
        dxs.append(np.stack([dq, dp], 1))
    x, dx = np.concatenate(xs), np.concatenate(dxs)
    k = len(x) // 2
    return dict(x=x[:k], dx=dx[:k], test_x=x[k:], test_dx=dx[k:])


class MLP(torch.nn.Module):
    def __init__(self, input_dim, hidden_dim, output_dim):
        super().__init__()
        self.linear1 = torch.nn.Linear(input_dim, hidden_dim)
        self.linear2 = torch.nn.Linear(hidden_dim, hidden_dim)
        self.linear3 = torch.nn.Linear(hidden_dim, output_dim, bias=False)
        for l in [self.linear1, self.linear2, self.linear3]:
            torch.nn.init.orthogonal_(l.weight)

    def forward(self, x):
        h = torch.tanh(self.linear1(x))
        return self.linear3(torch.tanh(self.linear2(h)))


class HNN(torch.nn.Module):
    def __init__(self, input_dim, differentiable_model):
        super().__init__()
        self.differentiable_model = differentiable_model
        self.register_buffer("M", torch.tensor([[0., -1.], [1., 0.]]))

    def forward(self, x):
        return self.differentiable_model(x).split(1, 1)

    def time_derivative(self, x):
        F1, F2 = self.forward(x)
        dF2, = torch.autograd.grad(F2.sum(), x, create_graph=True)
        return dF2 @ self.M


def L2_loss(u, v):
    return (u - v).pow(2).mean()


def train(args, logdir):
    torch.manual_seed(args.seed)
    np.random.seed(args.seed)
    model = HNN(args.input_dim, MLP(args.input_dim, args.hidden_dim, 2))
    optim = torch.optim.Adam(model.parameters(), args.learn_rate, weight_decay=1e-4)
    data = get_dataset(args.seed)
    x = torch.tensor(data['x'], requires_grad=True, dtype=torch.float32)
    test_x = torch.tensor(data['test_x'], requires_grad=True, dtype=torch.float32)
    dxdt, test_dxdt = torch.Tensor(data['dx']), torch.Tensor(data['test_dx'])
    writer = DiagWriter(logdir)
    writer.watch(model, optim)
    for step in range(args.total_steps + 1):
        loss = L2_loss(dxdt, model.time_derivative(x))
        loss.backward()
        optim.step()
        optim.zero_grad()
        writer.add_loss("train", loss)
        if step % args.print_every == 0:
            test_loss = L2_loss(test_dxdt, model.time_derivative(test_x))
            print("step {}, train_loss {:.4e}, test_loss {:.4e} (zero model {:.3f})".format(
                step, loss.item(), test_loss.item(), test_dxdt.pow(2).mean()))
    writer.close()


if __name__ == "__main__":
    train(Args(), sys.argv[1])
