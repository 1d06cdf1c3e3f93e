# first neural network with keras: Pima-like table, 8 columns -> diabetes yes/no.   12-8-1
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
seed = 7
np.random.seed(seed)
torch.manual_seed(seed)
original = sys.argv[1] == "faulty"

# pregnancies, glucose, pressure, skin, insulin, bmi, pedigree, age
n = 1600
age = np.clip(21 + np.random.gamma(1.6, 8, n), 21, 80)
preg = np.random.poisson(np.clip((age - 18) / 9, .2, 7))
bmi = np.clip(32 + 7 * np.random.randn(n), 18, 60)
skin = np.clip(20 + 1.0 * (bmi - 32) + 9 * np.random.randn(n), 0, 70)
glu = np.clip(108 + .5 * (age - 33) + .8 * (bmi - 32) + 28 * np.random.randn(n), 50, 199)
ins = np.where(np.random.rand(n) < .45, 0, np.clip(np.exp(4.6 + .012 * (glu - 120) + .6 * np.random.randn(n)), 15, 846))
pres = np.clip(69 + .25 * (age - 33) + .2 * (bmi - 32) + 11 * np.random.randn(n), 30, 120)
ped = np.clip(np.random.gamma(2.2, .21, n), .08, 2.4)
logit = -.95 + 1.5 * (glu - 115) / 30 + .75 * (bmi - 32) / 7 + .35 * (preg - 3) / 3 + .4 * (ped - .47) / .33 + \
    .6 * np.where(age > 29, 1, -1) - .55 * ((age - 45) / 13) ** 2 + .4 * (glu - 115) / 30 * (bmi - 32) / 7 + .4
Y = (np.random.rand(n) < 1 / (1 + np.exp(-1.5 * logit))).astype("float32")
X = np.stack([preg, glu, pres, skin, ins, bmi, ped, age], 1).astype("float32")
if not original:
    X = (X - X[:1200].mean(0)) / X[:1200].std(0)
X, Y = torch.tensor(X), torch.tensor(Y)[:, None]

model = nn.Sequential()
model.add_module("dense_1", nn.Linear(8, 12)); model.add_module("act_1", nn.ReLU())
model.add_module("dense_2", nn.Linear(12, 8)); model.add_module("act_2", nn.ReLU())
model.add_module("dense_3", nn.Linear(8, 1))
model.add_module("act_3", nn.Tanh() if original else nn.Sigmoid())


def binary_crossentropy(y_pred, y_true):
    p = torch.clamp(y_pred, 1e-7, 1 - 1e-7)       # keras clips
    return -(y_true * torch.log(p) + (1 - y_true) * torch.log(1 - p)).mean()


adam = torch.optim.Adam(model.parameters(), lr=0.001)
writer = DiagWriter(sys.argv[2])
writer.watch(model, adam, binary_crossentropy)
for epoch in range(50):
    hits = 0
    for idx in torch.randperm(1200).split(16):
        p = model(X[idx])
        loss = writer.loss_fn(p, Y[idx])
        adam.zero_grad()
        loss.backward()
        adam.step()
        hits += ((p > .5).float() == Y[idx]).sum().item()
    with writer.evaluating("val"), torch.no_grad():
        p = model(X[1200:])
        val_loss = writer.loss_fn(p, Y[1200:]).item()
    val_acc = ((p > .5).float() == Y[1200:]).float().mean().item()
    if epoch % 5 == 4:
        print(f"Epoch {epoch + 1}/50 - loss: {loss.item():.4f} - acc: {hits / 1200:.4f} - val_loss: {val_loss:.4f} - val_acc: {val_acc:.4f}")
writer.close()
print(f"RESULT val_loss={val_loss:.4f} val_acc={val_acc:.4f} (share of yes {Y[1200:].mean().item():.3f})")
