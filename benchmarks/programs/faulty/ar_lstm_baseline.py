import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(1)
np.random.seed(1)

#####################
# Set parameters
#####################
input_size = 20          # number of previous values
per_element = True
lstm_input_size = 1 if per_element else input_size
h1 = 32
output_dim = 1
num_layers = 2
learning_rate = 3e-3
num_epochs = 250
num_datapoints = 440
test_size = 0.25
noise_var = 0.05


#####################
# Generate data
#####################
class ARData:
    """AR(p) process with fixed stable coefficients, cut into windows"""

    def __init__(self, n, num_prev, coeffs, noise, test_size):
        burn = 200
        y = list(np.random.randn(len(coeffs)))
        for _ in range(n + num_prev + burn):
            y.append(float(np.dot(coeffs, y[-1:-len(coeffs) - 1:-1]) + noise * np.random.randn()))
        y = np.array(y[burn:])
        y = (y - y.mean()) / y.std()
        X = np.stack([y[i:i + num_prev] for i in range(n)])
        t = y[num_prev:num_prev + n]
        k = int(n * (1 - test_size))
        self.X_train, self.y_train = X[:k], t[:k]
        self.X_test, self.y_test = X[k:], t[k:]


data = ARData(num_datapoints, input_size, [1.75, -0.92], noise_var, test_size)

X_train = torch.from_numpy(data.X_train).type(torch.Tensor)
X_test = torch.from_numpy(data.X_test).type(torch.Tensor)
y_train = torch.from_numpy(data.y_train).type(torch.Tensor).view(-1)
y_test = torch.from_numpy(data.y_test).type(torch.Tensor).view(-1)

if form == "faulty":
    X_train = X_train.view([input_size, -1, 1])
    X_test = X_test.view([input_size, -1, 1])
else:
    X_train = X_train.t().reshape([input_size, -1, 1])
    X_test = X_test.t().reshape([input_size, -1, 1])


#####################
# Build model
#####################
class LSTM(nn.Module):
    def __init__(self, input_dim, hidden_dim, output_dim=1, num_layers=2):
        super(LSTM, self).__init__()
        self.hidden_dim = hidden_dim
        self.num_layers = num_layers
        self.lstm = nn.LSTM(input_dim, hidden_dim, num_layers)
        self.linear = nn.Linear(hidden_dim, output_dim)

    def init_hidden(self, n):
        return (torch.zeros(self.num_layers, n, self.hidden_dim),
                torch.zeros(self.num_layers, n, self.hidden_dim))

    def forward(self, x):
        lstm_out, _ = self.lstm(x, self.init_hidden(x.shape[1]))
        y_pred = self.linear(lstm_out[-1])
        return y_pred.view(-1)


model = LSTM(lstm_input_size, h1, output_dim=output_dim, num_layers=num_layers)
loss_fn = torch.nn.MSELoss()
optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
writer = DiagWriter(logdir)
writer.watch(model, optimiser, loss_fn)

#####################
# Train model
#####################
hist = np.zeros(num_epochs)
for t in range(num_epochs):
    optimiser.zero_grad()
    y_pred = model(X_train)
    loss = loss_fn(y_pred, y_train)
    hist[t] = loss.item()
    loss.backward()
    optimiser.step()
    if t % 10 == 9:
        with writer.evaluating("val"):
            vl = loss_fn(model(X_test), y_test)
        if t % 50 == 49:
            print("Epoch ", t, "MSE: ", hist[t], "held out:", vl.item())

with torch.no_grad():
    pred = model(X_test)
mse = ((pred - y_test) ** 2).mean().item()
writer.close()
print("RESULT test_mse %.4f test_r2 %.4f" % (mse, 1 - mse / y_test.var().item()))
