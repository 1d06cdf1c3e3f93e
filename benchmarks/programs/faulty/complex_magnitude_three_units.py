# Teach a small network abs(x + jy): 2 inputs -> hidden rectifiers -> 1 output, on random complex numbers
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1:3]
HIDDEN = {"faulty": 3, "fixed": 32}[FORM]
torch.set_num_threads(1)
torch.manual_seed(2)
rng = np.random.default_rng(11)


def complex_numbers(n):
    z = rng.standard_normal(n) + 1j * rng.standard_normal(n)
    xy = np.stack([z.real, z.imag], 1).astype(np.float32)
    return torch.from_numpy(xy), torch.from_numpy(np.abs(z).astype(np.float32))[:, None]


train = TensorDataset(*complex_numbers(4000))
val = TensorDataset(*complex_numbers(1000))
tl = DataLoader(train, batch_size=128, shuffle=True)
vl = DataLoader(val, batch_size=500)

model = nn.Sequential(nn.Linear(2, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.MSELoss()
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion)
for epoch in range(80):
    model.train()
    tot = 0
    for xb, yb in tl:
        optimizer.zero_grad()
        l = criterion(model(xb), yb)
        l.backward()
        optimizer.step()
        tot += l.item() * len(xb)
    with writer.evaluating("val"):
        m = sum(criterion(model(xb), yb).item() * len(xb) for xb, yb in vl) / len(val)
    writer.add_scalars("mse", {"train": tot / len(train), "val": m}, epoch)
    if epoch % 10 == 9:
        print(epoch + 1, round(tot / len(train), 5), round(m, 5))
writer.close()
var = val.tensors[1].var().item()
print("RESULT val_mse %.5f r2 %.4f" % (m, 1 - m / var))
