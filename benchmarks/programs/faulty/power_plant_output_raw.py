"""Combined cycle power plant: temperature, vacuum, pressure, humidity -> net electrical output in MW."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)


class Plant(nn.Module):
    def __init__(self, hidden=20):
        super().__init__()
        self.hidden = nn.Linear(4, hidden)
        self.hidden2 = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, 1)

    def forward(self, x):
        x = torch.relu(self.hidden(x))
        x = torch.relu(self.hidden2(x))
        return self.output(x)


def get_data(n=4000):
    r = np.random.RandomState(6)
    at = r.normal(19.6, 7.4, n).clip(1.8, 37)
    v = (25 + 1.45 * at + r.normal(0, 6.5, n)).clip(25, 81)
    ap = 1016 - .4 * (at - 20) + r.normal(0, 5, n)
    rh = (85 - 1.1 * (at - 19) + r.normal(0, 12, n)).clip(25, 100)
    pe = 454 - 1.75 * (at - 19.6) + .02 * (at - 19.6) ** 2 - .28 * (v - 54) + .06 * (ap - 1013) - .14 * (rh - 73) - .004 * (at - 20) * (rh - 73)
    return np.stack([at, v, ap, rh], 1), (pe + r.normal(0, 3.2, n))[:, None]


X, Y = get_data()
ntr = 3200
mx, sx, my, sy = X[:ntr].mean(0), X[:ntr].std(0), Y[:ntr].mean(), Y[:ntr].std()
X = (X - mx) / sx
if sys.argv[1] == "faulty":
    my, sy = 0.0, 1.0          # MW
Y = (Y - my) / sy
X, Y = torch.from_numpy(X).float(), torch.from_numpy(Y).float()
dl = DataLoader(TensorDataset(X[:ntr], Y[:ntr]), batch_size=64, shuffle=True)

model = Plant()
loss_func = nn.MSELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.002, alpha=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_func)
for epoch in range(15):
    run = 0.
    for bx, by in dl:
        loss = loss_func(model(bx), by)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run += loss.item() / len(dl)
    with torch.no_grad():
        with writer.evaluating("val"):
            val = loss_func(model(X[ntr:]), Y[ntr:]).item()
    print("epoch", epoch, "loss %.4f" % run, "val %.4f" % val, "RMSE %.2f MW" % (val ** .5 * sy))
writer.close()
print("RESULT train=%.4f val=%.4f rmse_MW=%.3f" % (run, val, val ** .5 * sy))
