# change of the hourly mean price from the last 48 hourly changes; one LSTM layer of 25, batch size 1 (series simulated)
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(48)
arg, logdir = sys.argv[1], sys.argv[2]

rng = np.random.default_rng(48)
n = 1800
t = np.arange(n)
value = 100 * np.exp(np.cumsum(0.0004 * rng.normal(size=n)) + 0.012 * np.sin(2 * np.pi * t / 24) + 0.006 * np.sin(2 * np.pi * t / 12 + 1)
                     + 0.006 * np.sin(2 * np.pi * t / 8))
pct = value[1:] / value[:-1] - 1
seq_len = 48
seqs = [(pct[i:i + seq_len], pct[i + seq_len]) for i in range(len(pct) - seq_len)]
train, test = seqs[:-240], seqs[-240:]
X = torch.tensor(np.array([s[0] for s in train]), dtype=torch.float32).unsqueeze(-1)
Y = torch.tensor([s[1] for s in train], dtype=torch.float32).unsqueeze(-1)
TX = torch.tensor(np.array([s[0] for s in test]), dtype=torch.float32).unsqueeze(-1)
TY = torch.tensor([s[1] for s in test], dtype=torch.float32).unsqueeze(-1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.dense = nn.LSTM(1, 25, batch_first=True), nn.Linear(25, 1)

    def forward(self, x):
        return self.dense(self.lstm(x)[0][:, -1])


model = Model()
opt = torch.optim.Adam(model.parameters(), lr=0.001)
mse = nn.MSELoss()
writer = DiagWriter(logdir)
writer.watch(model, opt, mse)
EPOCHS = 1 if arg == "faulty" else 5
for epoch in range(EPOCHS):
    for k, i in enumerate(torch.randperm(len(X))):
        opt.zero_grad()
        loss = mse(model(X[i:i + 1]), Y[i:i + 1])
        loss.backward()
        opt.step()
        if k % 200 == 0:
            with writer.evaluating("val"):
                pred = model(TX)
                v = mse(pred, TY).item()
            print(epoch, k, v)
with writer.evaluating("val"):
    pred = model(TX)
    v = mse(pred, TY).item()
writer.close()
print("RESULT r2", round(1 - v / TY.var().item(), 4), "amplitude_ratio", round((pred.std() / TY.std()).item(), 3))
