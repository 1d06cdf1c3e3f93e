"""Next-hour ridership of a metro line with a GRU.   ridership_raw_counts_gru.py faulty|fixed LOGDIR"""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(7); np.random.seed(7)

hours = np.arange(24 * 130)
h, d = hours % 24, hours // 24
work = (d % 7 < 5).astype(float)
level = np.exp(.15 * np.convolve(np.random.randn(len(d)), np.ones(30) / np.sqrt(30), "same"))
riders = 3000 + 9000 * work * (np.exp(-((h - 8) / 1.5) ** 2) + .9 * np.exp(-((h - 17.5) / 2) ** 2)) + 5000 * np.exp(-((h - 15) / 4) ** 2)
riders = riders * level * np.exp(.06 * np.random.randn(len(h)))
z = (np.log(riders) - np.log(riders).mean()) / np.log(riders).std()
feats = np.stack([z, np.sin(h / 12 * np.pi), np.cos(h / 12 * np.pi), work], 1)
W = 12
X = np.stack([feats[i:i + W] for i in range(len(h) - W)])
X[:, :, 0] = np.stack([z[i:i + W] for i in range(len(h) - W)])
nxt = np.stack([np.sin(h[W:] / 12 * np.pi), np.cos(h[W:] / 12 * np.pi), work[W:]], 1)
y = riders[W:]
perm = np.random.permutation(len(y))
tr, va = perm[:2500], perm[2500:]

if sys.argv[1] == "faulty":
    shift, scale = 0., 1.
else:
    shift, scale = y[tr].mean(), y[tr].std()
X, nxt, Y = (torch.tensor(a, dtype=torch.float32) for a in (X, nxt, (y - shift) / scale))


class RiderNet(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.rnn = nn.GRU(4, hidden, batch_first=True)
        self.lin = nn.Sequential(nn.Linear(hidden + 3, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x, nxt):
        _, hn = self.rnn(x)
        return self.lin(torch.cat([hn[-1], nxt], 1)).squeeze(1)


net = RiderNet()
optim = torch.optim.Adam(net.parameters(), lr=0.004)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optim, F.mse_loss)
for ep in range(14):
    net.train()
    ep_loss = []
    for b in torch.randperm(len(tr)).split(50):
        b = tr[b.numpy()]
        optim.zero_grad()
        loss = writer.loss_fn(net(X[b], nxt[b]), Y[b])
        loss.backward()
        optim.step()
        ep_loss.append(loss.item())
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        pred = net(X[va], nxt[va])
        vloss = writer.loss_fn(pred, Y[va]).item()
    mape = np.mean(np.abs(pred.numpy() * scale + shift - y[va]) / y[va])
    print(f"[{ep}] loss {np.mean(ep_loss):.5g} val {vloss:.5g} MAPE {mape:.3f}")
writer.close()
print(f"RESULT val_loss {vloss:.5g} MAPE {mape:.4f}")
