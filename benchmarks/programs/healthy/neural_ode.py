"""torchdiffeq's ode_demo without torchdiffeq: learn a cubic spiral with RK4, RMSprop 1e-3, L1 loss on short pieces."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)
data_size, batch_time, batch_size, niters, test_freq = 1000, 10, 20, 1500, 250
true_y0 = torch.tensor([[2.0, 0.0]])
t = torch.linspace(0.0, 25.0, data_size)
true_A = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])


def odeint(func, y0, t):
    ys = [y0]
    for i in range(len(t) - 1):
        h, y = t[i + 1] - t[i], ys[-1]
        k1 = func(t[i], y)
        k2 = func(t[i] + h / 2, y + h / 2 * k1)
        k3 = func(t[i] + h / 2, y + h / 2 * k2)
        k4 = func(t[i] + h, y + h * k3)
        ys.append(y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return torch.stack(ys)


class Lambda(nn.Module):
    def forward(self, t, y):
        return torch.mm(y**3, true_A)


class ODEFunc(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 50), nn.Tanh(), nn.Linear(50, 2))
        for m in self.net.modules():
            if isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, mean=0, std=0.1)
                nn.init.constant_(m.bias, val=0)

    def forward(self, t, y):
        return self.net(y**3)


with torch.no_grad():
    true_y = odeint(Lambda(), true_y0, t)


def get_batch():
    s = torch.from_numpy(np.random.choice(np.arange(data_size - batch_time, dtype=np.int64), batch_size, replace=False))
    return true_y[s, 0], t[:batch_time], torch.stack([true_y[s + i, 0] for i in range(batch_time)], dim=0)


func = ODEFunc()
optimizer = optim.RMSprop(func.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(func, optimizer)
for itr in range(1, niters + 1):
    optimizer.zero_grad()
    batch_y0, batch_t, batch_y = get_batch()
    pred_y = odeint(func, batch_y0, batch_t)
    loss = torch.mean(torch.abs(pred_y - batch_y))
    writer.add_loss("train", loss)
    loss.backward()
    optimizer.step()
    if itr % test_freq == 0:
        with torch.no_grad():
            total = torch.mean(torch.abs(odeint(func, true_y0, t) - true_y)).item()
            writer.add_scalar("total_loss", total, itr)
print(f"RESULT batch L1 {loss.item():.4f}, whole trajectory L1 {total:.4f} (mean |y| {true_y.abs().mean():.3f})")
writer.close()
