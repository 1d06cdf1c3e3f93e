# Keras multi-output regression, one network for three process values: flow (l/h), temperature (C), conductivity (S/m)
import sys
import numpy as np
import torch
from torch import nn
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(12)
torch.manual_seed(12)


def plant(n=2400):
    u = np.random.randn(n, 3) @ np.random.randn(3, 10) * .5 + .7 * np.random.randn(n, 10)      # ten sensors, correlated
    a = u / u.std(0)
    flow = 2200 + 420 * np.tanh(a[:, 0] + .5 * a[:, 1]) + 180 * a[:, 2] * (a[:, 3] > 0) + 90 * np.random.randn(n)
    temp = 61 + 4.5 * np.sin(1.2 * a[:, 4]) + 2.5 * a[:, 5] + 1.2 * np.abs(a[:, 0]) + 1.0 * np.random.randn(n)
    cond = .031 + .006 * a[:, 6] * np.tanh(a[:, 7]) + .004 * a[:, 8] + .0015 * np.random.randn(n)
    return u, np.stack([flow, temp, cond], 1)


X, Y = plant()
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=.25, random_state=4)
sx = StandardScaler().fit(X_train)
X_train, X_test = sx.transform(X_train), sx.transform(X_test)
sy = StandardScaler().fit(Y_train)
if sys.argv[1] == "faulty":
    t_train, t_test = Y_train, Y_test
    back = lambda p: p
else:
    t_train, t_test = sy.transform(Y_train), sy.transform(Y_test)
    back = lambda p: sy.inverse_transform(p)
f = lambda a: torch.tensor(a, dtype=torch.float32)
X_train, X_test, t_train, t_test = f(X_train), f(X_test), f(t_train), f(t_test)

model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(),
                      nn.Linear(64, 64), nn.ReLU(),
                      nn.Linear(64, 3))
mse = nn.MSELoss()
opt = torch.optim.Adam(model.parameters())
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, mse)

for epoch in range(30):
    for k in torch.randperm(len(X_train)).split(32):
        opt.zero_grad()
        loss = mse(model(X_train[k]), t_train[k])
        loss.backward()
        opt.step()
    with writer.evaluating("val"):
        with torch.no_grad():
            pred = model(X_test)
            val = mse(pred, t_test).item()
    r2 = 1 - ((back(pred.numpy()) - Y_test) ** 2).mean(0) / Y_test.var(0)
    if epoch % 5 == 4:
        print(f"{epoch + 1:3d} loss {loss.item():.4g} val_loss {val:.4g}  R2 flow/temp/cond", r2.round(3))
writer.close()
print(f"RESULT val_loss={val:.5g} R2 flow={r2[0]:.3f} temp={r2[1]:.3f} cond={r2[2]:.3f}")
