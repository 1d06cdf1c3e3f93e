# tabular_learner-like net for minutes late; narrow layer with dropout
import sys
import torch
import torch.nn as nn
import numpy as np
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(57); rng = np.random.default_rng(57)

def delivery_times(n):
    """12 columns of a delivery log, target: minutes late"""
    dist, load, hour = rng.gamma(2., 2., n), rng.poisson(6, n), rng.uniform(6, 22, n)
    rain, day, age = rng.random(n) < .2, rng.integers(0, 7, n), rng.gamma(3, 2, n)
    other = rng.normal(size=(n, 6))
    rush = np.exp(-((hour - 8.5) / 1.5) ** 2) + np.exp(-((hour - 17.5) / 1.8) ** 2)
    y = 2.2 * dist * (1 + .8 * rush) + 1.1 * load + 7 * rain * rush + .05 * dist * load + 3 * np.sin(day) - .4 * age + other[:, 0] * other[:, 1] * 2 + rng.normal(0, 2.5, n)
    return np.column_stack([dist, load, hour, rain, day, age, other]).astype('float32'), y.astype('float32')

X, y = delivery_times(10000)
Xv, yv = delivery_times(1000)
m, s = X.mean(0), X.std(0)
ym, ys = y.mean(), y.std()
X, Xv, y, yv = [torch.from_numpy(a) for a in ((X - m) / s, (Xv - m) / s, (y - ym) / ys, (yv - ym) / ys)]

layers, ps = [64, 7], [0., 0.5 if sys.argv[1] == 'faulty' else 0.]
mods, size = [], X.shape[1]
for n, p in zip(layers, ps):
    mods += [nn.Linear(size, n), nn.ReLU(inplace=True)]
    if p:
        mods.append(nn.Dropout(p))
    size = n
model = nn.Sequential(*mods, nn.Linear(size, 1), nn.Flatten(0))

train_dl = DataLoader(TensorDataset(X, y), batch_size=64, shuffle=True)
valid_dl = DataLoader(TensorDataset(Xv, yv), batch_size=250)
epochs = 14
opt = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, 1e-2, epochs=epochs, steps_per_epoch=len(train_dl))
loss_func = nn.MSELoss()
rec = DiagWriter(sys.argv[2])
rec.watch(model, opt, loss_func)
print('epoch  train_loss  valid_loss')
for epoch in range(epochs):
    model.train()
    tl = []
    for xb, yb in train_dl:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step(); sched.step(); opt.zero_grad()
        tl.append(loss.item())
    model.eval()
    with rec.evaluating('val'):
        vl = np.mean([loss_func(model(xb), yb).item() for xb, yb in valid_dl])
    print(f'{epoch:5d}  {np.mean(tl):.5f}  {vl:.5f}')
rec.close()
print(f'RESULT valid mse {vl:.4f} of variance 1, train {np.mean(tl):.4f}')
