# Forecast of tomorrow's maximum temperature from the last 14 days at three stations.
# LSTM tutorial code of my colleague, changed to three stations.
import sys
import torch
import torch.nn as nn
import numpy as np
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)

class LSTMModel(nn.Module):
    def __init__(self, input_dim, hidden_dim, layer_dim, output_dim, dropout_prob):
        super(LSTMModel, self).__init__()
        self.hidden_dim = hidden_dim
        self.layer_dim = layer_dim
        self.lstm = nn.LSTM(input_dim, hidden_dim, layer_dim, batch_first=True, dropout=dropout_prob)
        self.fc = nn.Linear(hidden_dim, output_dim)

    def forward(self, x):
        # Initializing hidden state for first input with zeros
        h0 = torch.zeros(self.layer_dim, x.size(0), self.hidden_dim).requires_grad_()
        c0 = torch.zeros(self.layer_dim, x.size(0), self.hidden_dim).requires_grad_()
        out, (hn, cn) = self.lstm(x, (h0.detach(), c0.detach()))
        out = out[:, -1, :]
        out = self.fc(out)
        return out

class Optimization:
    def __init__(self, model, loss_fn, optimizer, writer):
        self.model = model
        self.loss_fn = loss_fn
        self.optimizer = optimizer
        self.writer = writer
        self.train_losses = []
        self.val_losses = []

    def train_step(self, x, y):
        self.model.train()
        yhat = self.model(x)
        loss = self.loss_fn(y, yhat)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()

    def train(self, train_loader, val_loader, n_epochs=50):
        for epoch in range(1, n_epochs + 1):
            batch_losses = []
            for x_batch, y_batch in train_loader:
                batch_losses.append(self.train_step(x_batch, y_batch))
            self.train_losses.append(np.mean(batch_losses))
            if epoch == n_epochs * 2 // 3:
                self.optimizer.param_groups[0]['lr'] *= .3
            with torch.no_grad(), self.writer.evaluating("val"):
                batch_val_losses = []
                for x_val, y_val in val_loader:
                    self.model.eval()
                    yhat = self.model(x_val)
                    batch_val_losses.append(self.loss_fn(y_val, yhat).item())
                self.val_losses.append(np.mean(batch_val_losses))
            print(f"[{epoch}/{n_epochs}] Training loss: {self.train_losses[-1]:.4f}\t Validation loss: {self.val_losses[-1]:.4f}")

def station_data(years, rng):
    n = 365 * years
    d = np.arange(n)
    front = np.zeros((n, 3))
    for i in range(1, n):
        front[i, 0] = .75 * front[i - 1, 0] + rng.normal(0, 2.2)
        front[i, 1] = .35 * front[i - 1, 1] + .5 * front[i - 1, 0] + rng.normal(0, 1.2)    # weather comes from the west, a day later
        front[i, 2] = .3 * front[i - 1, 2] + .6 * front[i - 1, 1] + rng.normal(0, 1.)
    season = 13 - 10 * np.cos(2 * np.pi * (d - 20) / 365)
    return season[:, None] + front + np.array([0, -1, -2]), d

rng = np.random.default_rng(0)
torch.manual_seed(0)
temps, d = station_data(9, rng)
cut = 365 * 7
mean, std = temps[:cut].mean(0), temps[:cut].std(0)
z = (temps - mean) / std
feat = np.concatenate([z, np.sin(2 * np.pi * d / 365)[:, None], np.cos(2 * np.pi * d / 365)[:, None]], 1).astype(np.float32)
W = 14
X = np.stack([feat[i:i + W] for i in range(len(feat) - W)])
y = z[W:, 2:3].astype(np.float32)
split = cut - W
mk = lambda a, b, s: torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.tensor(a), torch.tensor(b)), batch_size=64, shuffle=s)
train_loader = mk(X[:split], y[:split], True)
val_loader = mk(X[split:], y[split:], False)

model = LSTMModel(5, 24, 2, 1, 0.1)
loss_fn = nn.MSELoss(reduction="mean")
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3, weight_decay=1e-6)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)
opt = Optimization(model, loss_fn, optimizer, writer)
epochs = 10
opt.train(train_loader, val_loader, n_epochs=epochs)
writer.close()
persist = np.mean((X[split:, -1, 2:3] - y[split:]) ** 2)
print(f"RESULT train={opt.train_losses[-1]:.4f} val={opt.val_losses[-1]:.4f} best={min(opt.val_losses):.4f} persistence={persist:.4f} floor={(1/std[2])**2:.4f}")
