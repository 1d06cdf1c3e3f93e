# DNN with 136 inputs and 21 outputs; layer widths follow the summary in the question, data simulated
import sys
import numpy as np
import torch
from torch import nn
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(3); rng = np.random.default_rng(3)
mode, log = sys.argv[1:3]
InputCount, OutputCount = 136, 21
H1_Count, H2_Count = 84, 42

# sensor-array like regression: 21 quantities seen through 136 nonlinear, partly redundant channels
N = 4000
q = rng.normal(size=(N, OutputCount))
A = rng.normal(size=(OutputCount, InputCount)) / np.sqrt(OutputCount)
X = np.tanh(q @ A) + 0.05 * rng.normal(size=(N, InputCount))
Y = np.tanh(q + 0.5 * np.roll(q, 1, axis=1))
X = (X - X.mean(0)) / X.std(0)
Y = (Y - Y.mean(0)) / Y.std(0)
trX, vaX, trY, vaY = [torch.tensor(a, dtype=torch.float32) for a in train_test_split(X, Y, test_size=.2, random_state=1)]

drop = 0.5 if mode == "faulty" else 0.0
model = nn.Sequential(
    nn.Dropout(drop),
    nn.Linear(InputCount, H1_Count), nn.ReLU(),
    nn.Dropout(drop), nn.BatchNorm1d(H1_Count),
    nn.Linear(H1_Count, H2_Count), nn.ReLU(),
    nn.BatchNorm1d(H2_Count), nn.Dropout(drop),
    nn.Linear(H2_Count, OutputCount))
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
mse = nn.MSELoss()
w = DiagWriter(log)
w.watch(model, opt, mse)
for epoch in range(30):
    model.train()
    for idx in torch.randperm(len(trX)).split(64):
        opt.zero_grad()
        loss = mse(model(trX[idx]), trY[idx])
        loss.backward()
        opt.step()
    with w.evaluating("val"):
        pred = model(vaX)
        vl = mse(pred, vaY)
    if epoch % 10 == 9:
        print(epoch + 1, loss.item(), vl.item())
w.close()
r2 = 1 - ((pred - vaY) ** 2).mean().item() / vaY.var().item()
print("RESULT val_r2", round(r2, 4))
