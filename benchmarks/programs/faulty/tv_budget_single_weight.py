# One column predicts another: advertising budget for TV -> sales. One neuron, plain gradient descent.
# (numbers simulated after the well known Advertising table: 200 markets)
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)

tv = np.random.uniform(0.7, 296.4, 200)
sales = 7.03 + 0.0475 * tv + np.random.normal(0, 1, 200) * (0.8 + 0.011 * tv)
x, y = tv.reshape(-1, 1), sales.reshape(-1, 1)
x_train, y_train, x_test, y_test = x[:150], y[:150], x[150:], y[150:]
sx, sy = StandardScaler(with_mean=False, with_std=False), StandardScaler(with_mean=False, with_std=False)
if sys.argv[1] == "fixed":
    sx, sy = StandardScaler(), StandardScaler()
x_train, x_test = sx.fit_transform(x_train), sx.transform(x_test)
y_train, y_test_s = sy.fit_transform(y_train), sy.transform(y_test)
x_train, y_train, x_test, y_test_s = [torch.tensor(a, dtype=torch.float32) for a in (x_train, y_train, x_test, y_test_s)]

model = nn.Linear(1, 1)
nn.init.xavier_uniform_(model.weight)
nn.init.zeros_(model.bias)
sgd = torch.optim.SGD(model.parameters(), lr=0.01)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, sgd, mse)

for epoch in range(30):
    losses = []
    for i in range(len(x_train)):           # batch_size=1, shuffle=False
        sgd.zero_grad()
        loss = mse(model(x_train[i:i + 1]), y_train[i:i + 1])
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    with writer.evaluating("val"):
        v = mse(model(x_test), y_test_s).item()
    print("Epoch %d/30 - loss: %.4g - val_loss: %.4g" % (epoch + 1, np.mean(losses), v))

with torch.no_grad():
    pred = model(x_test).numpy()
pred = sy.inverse_transform(pred) if sys.argv[1] == "fixed" else pred
writer.close()
r2 = 1 - ((pred - y_test) ** 2).sum() / ((y_test - y_test.mean()) ** 2).sum()
print("RESULT r2", r2)
