# Remaining flow of a pump from 14 process values - resilient propagation, as in our old MATLAB (trainrp) code
import sys
import numpy as np
import pandas as pd
import torch
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)
rng = np.random.default_rng(4)


def plant(n):
    speed = rng.uniform(900, 1800, n)
    head = 28 * (speed / 1500) ** 2 * rng.uniform(0.55, 1.0, n)
    wear = rng.beta(2, 5, n)
    visc = rng.lognormal(0.3, 0.35, n)
    q = 60 * speed / 1500 * np.sqrt(np.clip(1.05 - head / (30 * (speed / 1500) ** 2), 0.02, None)) * (1 - 0.35 * wear) / visc ** 0.25
    power = 0.4 + 0.0032 * q * head / (0.75 - 0.2 * wear) + rng.normal(0, 0.15, n)
    df = pd.DataFrame({"speed": speed, "head": head + rng.normal(0, 0.4, n), "power": power, "visc": visc,
                       "vib_x": 1 + 3 * wear + rng.normal(0, 0.5, n), "vib_y": 1.2 + 2.5 * wear + rng.normal(0, 0.5, n),
                       "t_bearing": 40 + 0.01 * speed + 9 * wear + rng.normal(0, 2, n), "t_amb": rng.normal(20, 5, n)})
    for k in range(6):
        df[f"aux{k}"] = rng.normal(size=n) + 0.3 * df["t_amb"] / 5
    return df, q + rng.normal(0, 1.5, n)


df, q = plant(6000)
z = ((df - df[:5000].mean()) / df[:5000].std()).to_numpy(np.float32)
t = ((q - q[:5000].mean()) / q[:5000].std()).astype(np.float32)[:, None]
x_tr, x_va = torch.from_numpy(z[:5000]), torch.from_numpy(z[5000:])
t_tr, t_va = torch.from_numpy(t[:5000]), torch.from_numpy(t[5000:])

net = torch.nn.Sequential(
    torch.nn.Linear(14, 40), torch.nn.Tanh(),
    torch.nn.Linear(40, 20), torch.nn.Tanh(),
    torch.nn.Linear(20, 1))
if sys.argv[1] == "faulty":
    opt = torch.optim.Rprop(net.parameters(), lr=0.003)
else:
    opt = torch.optim.Adam(net.parameters(), lr=0.003)
loss_fn = torch.nn.MSELoss()
w = DiagWriter(sys.argv[2])
w.watch(net, opt, loss_fn)

for epoch in range(25):
    order = torch.randperm(5000)
    acc = 0
    for k in range(0, 5000, 50):
        idx = order[k:k + 50]
        opt.zero_grad()
        loss = loss_fn(net(x_tr[idx]), t_tr[idx])
        loss.backward()
        opt.step()
        acc += loss.item() / 100
    with w.evaluating("val"):
        with torch.no_grad():
            val = loss_fn(net(x_va), t_va).item()
    print(f"{epoch:3d} {acc:8.4f} {val:8.4f}")
w.close()
print(f"RESULT train_mse={acc:.4f} val_mse={val:.4f} val_r2={1 - val / t_va.var().item():.4f}")
