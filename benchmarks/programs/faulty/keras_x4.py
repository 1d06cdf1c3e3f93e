import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(0)
torch.manual_seed(0)
form, logdir = sys.argv[1:3]

# y = x**4 on [-100, 100]
x = np.random.uniform(-100, 100, (2500, 1)).astype("float32")
y = x ** 4
if form == "fixed":
    x = x / 100.0 * 1.7
    y = (y - y.mean()) / y.std()

n_val = 500
x_train, y_train = torch.tensor(x[:-n_val]), torch.tensor(y[:-n_val])
x_val, y_val = torch.tensor(x[-n_val:]), torch.tensor(y[-n_val:])

model = nn.Sequential()
model.add_module("dense_1", nn.Linear(1, 50))
model.add_module("act_1", nn.Sigmoid())
model.add_module("dense_2", nn.Linear(50, 50))
model.add_module("act_2", nn.ELU())
model.add_module("dense_3", nn.Linear(50, 1))
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)


def fit(model, epochs=60, batch_size=64):
    opt = torch.optim.Adam(model.parameters(), lr=0.01)
    mse = nn.MSELoss()
    writer = DiagWriter(logdir)
    writer.watch(model, opt, mse)
    for epoch in range(1, epochs + 1):
        perm = torch.randperm(len(x_train))
        hist = []
        for s in range(0, len(perm), batch_size):
            b = perm[s:s + batch_size]
            opt.zero_grad()
            loss = mse(model(x_train[b]), y_train[b])
            loss.backward()
            opt.step()
            hist.append(loss.item())
        with torch.no_grad(), writer.evaluating("val"):
            val_loss = mse(model(x_val), y_val).item()
        if epoch % 10 == 0:
            print("Epoch %d/%d - loss: %.4g - val_loss: %.4g - val/var(y): %.4f"
                  % (epoch, epochs, np.mean(hist), val_loss, val_loss / y_val.var()))
    writer.close()


fit(model)
