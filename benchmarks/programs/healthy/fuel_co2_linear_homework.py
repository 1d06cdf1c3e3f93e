# Assignment 1: multiple linear regression by mini-batch gradient descent
# predict CO2 emissions (g/km) of cars from engine size, cylinders and consumption
import sys
import torch
import numpy as np
import pandas as pd
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(10)
rs = np.random.RandomState(10)

m = 1067
cyl = rs.choice([3, 4, 6, 8, 10, 12], m, p=[.01, .43, .33, .20, .01, .02])
engine = np.clip(np.round(.45 * cyl + .55 + .45 * rs.randn(m), 1), 1.0, 8.4)
fuel = rs.choice(["X", "Z", "E", "D"], m, p=[.48, .41, .08, .03])
city = 5.3 + 2.1 * engine + .25 * cyl + 1.3 * rs.randn(m) + 4.2 * (fuel == "E") - 1.5 * (fuel == "D")
hwy = .62 * city + 1.2 + .8 * rs.randn(m)
comb = .55 * city + .45 * hwy
co2 = 23.0 * comb + 1.5 * engine - 115 * (fuel == "E") + 40 * (fuel == "D") + 6 * rs.randn(m) + 5
cars = pd.DataFrame(dict(ENGINESIZE=engine, CYLINDERS=cyl, CITY=city.round(1), HWY=hwy.round(1), COMB=comb.round(1),
                         FUEL_E=(fuel == "E") * 1, FUEL_D=(fuel == "D") * 1, CO2EMISSIONS=co2.round()))

msk = rs.rand(len(cars)) < 0.8
train, test = cars[msk], cars[~msk]
mu, sigma = train.mean(), train.std()
train, test = (train - mu) / sigma, (test - mu) / sigma
Xtr = torch.tensor(train.drop(columns="CO2EMISSIONS").values, dtype=torch.float32)
ytr = torch.tensor(train["CO2EMISSIONS"].values, dtype=torch.float32).view(-1, 1)
Xte = torch.tensor(test.drop(columns="CO2EMISSIONS").values, dtype=torch.float32)
yte = torch.tensor(test["CO2EMISSIONS"].values, dtype=torch.float32).view(-1, 1)


class LinearRegression(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.linear = nn.Linear(n, 1)

    def forward(self, x):
        return self.linear(x)


model = LinearRegression(Xtr.shape[1])
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

cost_history = []
for it in range(20):
    idx = torch.randperm(len(Xtr))
    for chunk in idx.split(32):
        y_pred = model(Xtr[chunk])
        cost = criterion(y_pred, ytr[chunk])
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        cost_history.append(cost.item())
    with torch.no_grad(), writer.evaluating("test"):
        test_cost = criterion(model(Xte), yte).item()
    print("epoch %d cost %.4f test %.4f" % (it + 1, np.mean(cost_history[-27:]), test_cost))

print(dict(zip(cars.columns[:-1], model.linear.weight.detach().squeeze().numpy().round(2))))
writer.close()
print(f"RESULT train {np.mean(cost_history[-27:]):.4f} test_mse {test_cost:.4f} test_r2 {1 - test_cost / yte.var().item():.4f} rmse_gkm {sigma['CO2EMISSIONS'] * test_cost ** .5:.2f}")
