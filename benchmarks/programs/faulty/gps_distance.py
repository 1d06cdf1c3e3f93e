"""Predict the next positions of a vehicle; the loss is the mean distance. Short tracks are padded with zeros."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4); np.random.seed(4)
T_IN, T_OUT, BS = 10, 6, 32

def batch(n):
    heading = np.random.uniform(0, 2 * np.pi, (n, 1)) + np.cumsum(np.random.normal(0, .15, (n, T_IN + T_OUT)), 1)
    speed = np.random.uniform(.3, 1., (n, 1))
    pos = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 2) * speed[..., None], 1)
    pos -= pos[:, T_IN - 1:T_IN]
    ln = np.full(n, T_OUT)
    short = np.random.rand(n) < 0.0001         # few of the tracks end early
    ln[short] = np.random.randint(2, T_OUT, short.sum())
    mask = (np.arange(T_OUT)[None] < ln[:, None]).astype(np.float32)[..., None]
    f = lambda a: torch.tensor(a, dtype=torch.float32)
    return f(pos[:, :T_IN]), f(pos[:, T_IN:]) * f(mask), f(mask)

class TrackNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 48, batch_first=True)
        self.head = nn.Linear(48, 2 * T_OUT)
    def forward(self, past, mask):
        h = self.gru(past)[1][-1]
        return self.head(h).view(-1, T_OUT, 2) * mask

def distance_loss(p, t):
    dx, dy = p[..., 0] - t[..., 0], p[..., 1] - t[..., 1]
    if sys.argv[1] == "faulty":
        return torch.sqrt(dx ** 2 + dy ** 2).mean()
    return torch.sqrt(dx ** 2 + dy ** 2 + 1e-8).mean()

model = TrackNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, distance_loss)
run = []
for it in range(1, 1201):
    past, future, mask = batch(BS)
    optimizer.zero_grad()
    out = model(past, mask)
    loss = writer.loss_fn(out, future)
    loss.backward()
    optimizer.step()
    run.append(loss.item())
    if it % 150 == 0:
        print(it, np.mean(run[-50:]), "first nan", next((i for i, v in enumerate(run) if v != v), None))
writer.close()
print("RESULT last %.4f first nan at %s" % (np.mean(run[-50:]), next((i for i, v in enumerate(run) if v != v), None)))
