import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:]
np.random.seed(42)
torch.manual_seed(42)
torch.set_num_threads(1)


def houses(n):
    area = np.random.gamma(9, 165, n)
    quality = np.clip(np.round(np.random.normal(6.1, 1.4, n)), 1, 10)
    age = np.random.gamma(1.6, 23, n)
    garage = np.random.binomial(3, 0.58, n)
    baths = np.clip(np.round(area / 1000 + np.random.normal(0, 0.4, n)), 1, 4)
    lot = np.random.lognormal(9.1, 0.5, n)
    hood = np.random.randint(0, 12, n)
    hood_factor = np.random.RandomState(1).normal(0, 0.12, 12)[hood]
    logp = 9.45 + 0.42 * np.log(area / 100) + 0.11 * quality - 0.003 * age + 0.05 * garage + 0.03 * baths \
        + 0.06 * (np.log(lot) - 9.1) + hood_factor + np.random.normal(0, 0.08, n)
    price = np.clip(np.exp(logp) * 1.9, 34900, 755000)
    num = np.column_stack([area, quality, age, garage, baths, np.log(lot)])
    num = (num - num.mean(0)) / num.std(0)
    return np.hstack([num, np.eye(12)[hood]]).astype("float32"), price.astype("float32")


X, price = houses(1460)
ind = np.random.permutation(len(X))
tr, va = ind[:876], ind[876:]

y = price if form == "faulty" else (price - 34000) / (760000 - 34000)
back = (lambda p: p) if form == "faulty" else (lambda p: p * (760000 - 34000) + 34000)
train_x, train_y = torch.tensor(X[tr]), torch.tensor(y[tr])[:, None]
valid_x, valid_y = torch.tensor(X[va]), torch.tensor(y[va])[:, None]


class MLP(nn.Module):
    def __init__(self, n_in, hidden_node=20, out_node=1):
        super().__init__()
        self.fc1 = nn.Linear(n_in, hidden_node)
        self.fc2 = nn.Linear(hidden_node, out_node)

    def forward(self, data):
        return self.fc2(torch.tanh(self.fc1(data)))


model = MLP(train_x.shape[1])
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
linear_regression_output = nn.MSELoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, linear_regression_output)

for num_round in range(60):
    order = torch.randperm(len(train_x))
    for batch in order.split(32):
        optimizer.zero_grad()
        loss = linear_regression_output(model(train_x[batch]), train_y[batch])
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        valid_loss = linear_regression_output(model(valid_x), valid_y)
    if num_round % 10 == 9:
        print(f"[{num_round + 1}] Train-mse={loss.item():.5g} Validation-mse={valid_loss.item():.5g}")
with torch.no_grad():
    preds = back(model(valid_x)).numpy().ravel()
rmse = np.sqrt(np.mean((preds - price[va]) ** 2))
r2 = 1 - np.mean((preds - price[va]) ** 2) / np.var(price[va])
writer.close()
print("preds", preds[:6].round(1))
print(f"RESULT validation rmse {rmse:.0f} R2 {r2:.3f} sd of predictions {preds.std():.1f}")
