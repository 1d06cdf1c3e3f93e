# river gauge: 48 readings (level, rain) -> level in 6 h.  LSTM(32, activation="relu") as in the Keras notebook
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(23)

act = torch.relu if sys.argv[1] == "faulty" else torch.tanh

class LSTMLayer(nn.Module):
    def __init__(self, n_in, units):
        super().__init__()
        self.units = units
        self.kernel = nn.Parameter(torch.empty(n_in, 4 * units))
        self.recurrent_kernel = nn.Parameter(torch.empty(units, 4 * units))
        self.bias = nn.Parameter(torch.zeros(4 * units))
        nn.init.xavier_uniform_(self.kernel)
        nn.init.orthogonal_(self.recurrent_kernel)
        self.bias.data[units:2 * units] = 1.0              # unit_forget_bias

    def forward(self, x):
        h = c = x.new_zeros(x.shape[0], self.units)
        xk = x @ self.kernel + self.bias
        for t in range(x.shape[1]):
            i, f, g, o = (xk[:, t] + h @ self.recurrent_kernel).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * act(g)
            h = torch.sigmoid(o) * act(c)
        return h

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = LSTMLayer(2, 32)
        self.dense = nn.Linear(32, 1)
    def forward(self, x):
        return self.dense(self.lstm(x))

r = np.random.RandomState(23)
n = 2600
rain = r.gamma(.12, 4, n) * (np.convolve(r.randn(n + 60), np.ones(60) / 8, "valid")[:n] > 0)
level = np.zeros(n); soil = 0.
for k in range(1, n):
    soil = .97 * soil + .03 * rain[k]
    level[k] = .95 * level[k - 1] + .05 * rain[max(0, k - 5)] * (1 + 3 * soil) + .02 * r.randn()
d = np.stack([level, np.log1p(rain)], 1)
d = (d - d.mean(0)) / d.std(0)
W, H = 48, 6
X = torch.tensor(np.stack([d[k:k + W] for k in range(n - W - H)]), dtype=torch.float32)
y = torch.tensor(d[W + H - 1:n - 1, :1], dtype=torch.float32)
block = np.arange(len(X)) // 130 % 5 == 2
Xv, yv, X, y = X[block], y[block], X[~block], y[~block]

model = Model()
mse = nn.MSELoss()
opt = torch.optim.RMSprop(model.parameters(), lr=0.003)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, mse)
for epoch in range(8):
    hist = []
    for b in torch.randperm(len(X)).split(48):
        opt.zero_grad()
        loss = mse(model(X[b]), y[b])
        loss.backward()
        opt.step()
        hist.append(loss.item())
    with torch.no_grad(), writer.evaluating("val"):
        val = mse(model(Xv), yv).item()
    print("Epoch %d loss: %.4f val_loss: %.4f" % (epoch + 1, np.mean(hist), val))
writer.close()
print("RESULT train=%.4f val=%.4f" % (np.mean(hist), val))
