import sys

import torch
from torch import nn

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)

form, logdir = sys.argv[1], sys.argv[2]


def actual(x):
    return 4 * x + 2


def hcat(lo, hi):
    return torch.arange(lo, hi + 1, dtype=torch.float32).unsqueeze(1)


x_train, x_test = hcat(0, 6), hcat(6, 10)
y_train, y_test = actual(x_train), actual(x_test)

predict = nn.Linear(1, 1)
nn.init.xavier_uniform_(predict.weight)
nn.init.zeros_(predict.bias)
print("before training", predict(x_train).flatten().tolist())

mse = nn.MSELoss()

if form == "faulty":
    eta = 0.1
else:
    eta = 0.01
opt = torch.optim.SGD(predict.parameters(), lr=eta)

writer = DiagWriter(logdir)
writer.watch(predict, opt, mse)

data = [(x_train, y_train)]


def train(loss, model, data, opt):
    for x, y in data:
        opt.zero_grad()
        l = loss(model(x), y)
        l.backward()
        opt.step()
    return l.item()


history = []
for epoch in range(1, 2001):
    history.append(train(mse, predict, data, opt))
    if epoch % 50 == 0:
        with writer.evaluating("val"):
            val = mse(predict(x_test), y_test).item()
    if epoch % 200 == 0:
        print(f"epoch {epoch:5d}   loss {history[-1]:.6g}   on the new points {val:.6g}")

with torch.no_grad():
    out = predict(x_test)
writer.close()

print("weight", predict.weight.item(), "bias", predict.bias.item())
print("predicted", [round(v, 3) for v in out.flatten().tolist()])
print("expected ", y_test.flatten().tolist())
print(f"RESULT test_mse={((out - y_test) ** 2).mean().item():.6g} weight={predict.weight.item():.4f} bias={predict.bias.item():.4f}")
