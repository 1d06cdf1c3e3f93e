import math
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.parameter import Parameter
import torch.nn.init as init

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)

NUM_LAYERS = 2
HIDDEN_DIM = 2
LEARNING_RATE = 1e-2
NUM_ITERS = 3000
RANGE = [0.0, 5.0]
ARITHMETIC_FUNCTIONS = {
    'add': lambda x, y: x + y,
    'sub': lambda x, y: x - y,
}


class NeuralAccumulatorCell(nn.Module):
    """y = x W with W = tanh(W_hat) * sigmoid(M_hat)."""

    def __init__(self, in_dim, out_dim):
        super().__init__()
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.W_hat = Parameter(torch.Tensor(out_dim, in_dim))
        self.M_hat = Parameter(torch.Tensor(out_dim, in_dim))
        init.kaiming_uniform_(self.W_hat, a=math.sqrt(5))
        init.kaiming_uniform_(self.M_hat, a=math.sqrt(5))

    def forward(self, input):
        W = torch.tanh(self.W_hat) * torch.sigmoid(self.M_hat)
        return F.linear(input, W)

    def extra_repr(self):
        return 'in_dim={}, out_dim={}'.format(self.in_dim, self.out_dim)


class NAC(nn.Module):
    def __init__(self, num_layers, in_dim, hidden_dim, out_dim):
        super().__init__()
        layers = []
        for i in range(num_layers):
            layers.append(NeuralAccumulatorCell(
                hidden_dim if i > 0 else in_dim,
                hidden_dim if i < num_layers - 1 else out_dim))
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x)


class MLP(nn.Module):
    def __init__(self, in_dim, hidden_dim, out_dim):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(in_dim, hidden_dim), nn.ReLU6(), nn.Linear(hidden_dim, out_dim))

    def forward(self, x):
        return self.model(x)


def generate_data(num_train, num_test, dim, num_sum, fn, support):
    X, y = [], []
    for i in range(num_train + num_test):
        idx_a = list(range(0, num_sum))
        idx_b = list(range(num_sum, 2 * num_sum))
        row = torch.FloatTensor(dim).uniform_(*support)
        a, b = row[idx_a].sum(), row[idx_b].sum()
        X.append(row)
        y.append(fn(a, b))
    X = torch.stack(X)
    y = torch.stack(y).unsqueeze(1)
    return X[:num_train], y[:num_train], X[num_train:], y[num_train:]


def train(model, optimizer, data, target, num_iters, writer=None, held_out=None):
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_iters)
    for i in range(num_iters):
        idx = torch.randint(0, len(data), (64,))
        out = model(data[idx])
        loss = F.mse_loss(out, target[idx])
        mea = torch.mean(torch.abs(target[idx] - out))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if i % 250 == 249 and writer is not None:
            with writer.evaluating("val"):
                val = F.mse_loss(model(held_out[0]), held_out[1])
            print("\t{}/{}: loss: {:.7f} - mea: {:.7f} - val: {:.3e}".format(
                i + 1, num_iters, loss.item(), mea.item(), val.item()))


def test(model, data, target):
    with torch.no_grad():
        return torch.mean((target - model(data)).abs()).item()


def main():
    torch.manual_seed(5)
    errors = {}
    fn = ARITHMETIC_FUNCTIONS['sub']
    X_train, y_train, X_test, y_test = generate_data(2000, 500, dim=20, num_sum=5, fn=fn, support=RANGE)
    y_train = y_train + 0.1 * torch.randn_like(y_train)
    y_test = y_test + 0.1 * torch.randn_like(y_test)
    X_far, y_far = generate_data(1, 500, dim=20, num_sum=5, fn=fn, support=[10.0, 50.0])[2:]

    net = NAC(NUM_LAYERS, 20, HIDDEN_DIM, 1)
    optim = torch.optim.RMSprop(net.parameters(), lr=LEARNING_RATE)
    writer = DiagWriter(sys.argv[1])
    writer.watch(net, optim, F.mse_loss)
    train(net, optim, X_train, y_train, NUM_ITERS, writer, (X_test, y_test))
    writer.close()

    mlp = MLP(20, 32, 1)
    train(mlp, torch.optim.RMSprop(mlp.parameters(), lr=LEARNING_RATE), X_train, y_train, NUM_ITERS)
    for name, m in [("nac", net), ("mlp", mlp)]:
        errors[name] = (test(m, X_test, y_test), test(m, X_far, y_far))
    print("RESULT nac interpolation={:.4f} extrapolation={:.4f} relu6_mlp interpolation={:.4f} extrapolation={:.4f}".format(
        *errors["nac"], *errors["mlp"]))


if __name__ == '__main__':
    main()
