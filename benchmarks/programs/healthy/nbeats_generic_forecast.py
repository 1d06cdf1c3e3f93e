"""N-BEATS on many seasonal series (philipperemy/n-beats, trend / seasonality stacks), Adam 1e-3."""
import sys
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)
BACK, FORE = 30, 10


def series(n, seed, length=140):
    """Monthly-like sales: trend, a 12 step season with harmonics, autocorrelated noise; divided by the series' mean."""
    rng = np.random.default_rng(seed)
    t = np.arange(length)
    out = []
    for _ in range(n):
        s = 1 + rng.normal(0, 0.003) * t + rng.uniform(0.05, 0.3) * np.sin(2 * np.pi * t / 12 + rng.uniform(0, 6.3))
        s = s + rng.uniform(0, 0.12) * np.sin(4 * np.pi * t / 12 + rng.uniform(0, 6.3))
        e = np.zeros(length)
        for i in range(1, length):
            e[i] = 0.6 * e[i - 1] + rng.normal(0, 0.05)
        s = s + e
        out.append(s / s[:100].mean())
    return np.array(out, np.float32)


def linear_space(backcast_length, forecast_length):
    ls = np.arange(-backcast_length, forecast_length, 1) / forecast_length
    return ls[:backcast_length], ls[backcast_length:]


def seasonality_model(thetas, t):
    p = thetas.size()[-1]
    p1, p2 = (p // 2, p // 2) if p % 2 == 0 else (p // 2, p // 2 + 1)
    s1 = torch.tensor(np.array([np.cos(2 * np.pi * i * t) for i in range(p1)])).float()
    s2 = torch.tensor(np.array([np.sin(2 * np.pi * i * t) for i in range(p2)])).float()
    return thetas.mm(torch.cat([s1, s2]))


def trend_model(thetas, t):
    p = thetas.size()[-1]
    return thetas.mm(torch.tensor(np.array([t ** i for i in range(p)])).float())


class Block(nn.Module):
    def __init__(self, units, thetas_dim, share_thetas=False):
        super().__init__()
        self.fc1 = nn.Linear(BACK, units)
        self.fc2 = nn.Linear(units, units)
        self.fc3 = nn.Linear(units, units)
        self.fc4 = nn.Linear(units, units)
        self.ls = linear_space(BACK, FORE)
        if share_thetas:
            self.theta_f_fc = self.theta_b_fc = nn.Linear(units, thetas_dim, bias=False)
        else:
            self.theta_b_fc = nn.Linear(units, thetas_dim, bias=False)
            self.theta_f_fc = nn.Linear(units, thetas_dim, bias=False)

    def forward(self, x):
        for fc in (self.fc1, self.fc2, self.fc3, self.fc4):
            x = F.relu(fc(x))
        return x


class SeasonalityBlock(Block):
    def __init__(self, units, thetas_dim):
        super().__init__(units, FORE, share_thetas=True)

    def forward(self, x):
        x = super().forward(x)
        return seasonality_model(self.theta_b_fc(x), self.ls[0]), seasonality_model(self.theta_f_fc(x), self.ls[1])


class TrendBlock(Block):
    def __init__(self, units, thetas_dim):
        super().__init__(units, thetas_dim, share_thetas=True)

    def forward(self, x):
        x = super().forward(x)
        return trend_model(self.theta_b_fc(x), self.ls[0]), trend_model(self.theta_f_fc(x), self.ls[1])


class GenericBlock(Block):
    def __init__(self, units, thetas_dim):
        super().__init__(units, thetas_dim)
        self.backcast_fc = nn.Linear(thetas_dim, BACK)
        self.forecast_fc = nn.Linear(thetas_dim, FORE)

    def forward(self, x):
        x = super().forward(x)
        return self.backcast_fc(self.theta_b_fc(x)), self.forecast_fc(self.theta_f_fc(x))


class NBeatsNet(nn.Module):
    def __init__(self, stacks=(TrendBlock, GenericBlock, GenericBlock), nb_blocks=2, thetas_dim=(3, 8, 8), units=64):
        super().__init__()
        self.blocks = nn.ModuleList(b(units, t) for b, t in zip(stacks, thetas_dim) for _ in range(nb_blocks))

    def forward(self, backcast):
        forecast = torch.zeros(backcast.size(0), FORE)
        for block in self.blocks:
            b, f = block(backcast)
            backcast = backcast - b
            forecast = forecast + f
        return backcast, forecast


def data_generator(s, batch_size, rng, split):
    while True:
        i = rng.integers(0, len(s), batch_size)
        j = rng.integers(0, split - BACK - FORE, batch_size)
        w = np.stack([s[a, b:b + BACK + FORE] for a, b in zip(i, j)])
        yield torch.tensor(w[:, :BACK]), torch.tensor(w[:, BACK:])


s = series(300, 11)
gen = data_generator(s, 64, np.random.default_rng(0), 100)
x_val = torch.tensor(s[:, 100 - BACK:100])
y_val = torch.tensor(s[:, 100:100 + FORE])
net = NBeatsNet()
optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimiser)
running = []
for grad_step in range(2400):
    x, target = next(gen)
    optimiser.zero_grad()
    net.train()
    backcast, forecast = net(x)
    loss = F.mse_loss(forecast, target)
    writer.add_loss("train", loss)
    loss.backward()
    optimiser.step()
    running.append(loss.item())
    if grad_step % 200 == 199:
        with writer.evaluating("val"):
            val = F.mse_loss(net(x_val)[1], y_val)
            writer.add_loss("val", val)
        print(f'grad_step = {grad_step + 1:5d}, tr_loss = {np.mean(running[-200:]):.5f}, te_loss = {val:.5f} last-year naive {((torch.tensor(s[:, 88:98]) - y_val) ** 2).mean():.5f}')
writer.close()
