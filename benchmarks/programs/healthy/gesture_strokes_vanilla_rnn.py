"""Pen gestures (dx, dy) of 8 kinds, plain tanh nn.RNN with clipping, packed sequences."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1234)
rng = np.random.RandomState(1234)
PATHS = {
    "circle": [(np.cos(a), np.sin(a)) for a in np.linspace(0, 2 * np.pi, 12)],
    "rcircle": [(np.cos(a), -np.sin(a)) for a in np.linspace(0, 2 * np.pi, 12)],
    "check": [(0, 0), (.4, -.6), (1.4, 1)],
    "caret": [(0, 0), (.7, 1), (1.4, 0)],
    "vee": [(0, 1), (.7, 0), (1.4, 1)],
    "zigzag": [(0, 1), (1, 1), (0, 0), (1, 0)],
    "ess": [(1, 1), (.2, .9), (.1, .6), (.8, .4), (.8, .1), (0, 0)],
    "line": [(0, 0), (1.5, .3)],
}


def draw(name):
    p = np.array(PATHS[name], float)
    p += rng.normal(0, .12, p.shape)
    ang = rng.normal(0, .3)
    p = p @ np.array([[np.cos(ang), -np.sin(ang)], [np.sin(ang), np.cos(ang)]]) * rng.uniform(.6, 1.4)
    seg = np.r_[0, np.cumsum(np.hypot(*np.diff(p, axis=0).T))]
    n = rng.randint(14, 33)
    s = np.sort(rng.beta(1.1, 1.1, n)) * seg[-1]
    pts = np.c_[np.interp(s, seg, p[:, 0]), np.interp(s, seg, p[:, 1])] + rng.normal(0, .03, (n, 2))
    return np.diff(pts, axis=0).astype(np.float32) / .15


names = list(PATHS)
items = [(torch.from_numpy(draw(names[k])), k) for k in rng.randint(0, 8, 3000)]


def collate(batch):
    xs, ys = zip(*batch)
    return pad_sequence(xs, batch_first=True), torch.tensor([len(x) for x in xs]), torch.tensor(ys)


train_loader = DataLoader(items[:2400], batch_size=50, shuffle=True, collate_fn=collate)
val_loader = DataLoader(items[2400:], batch_size=200, collate_fn=collate)


class GestureRNN(nn.Module):
    def __init__(self, hidden_size=64):
        super().__init__()
        self.rnn = nn.RNN(2, hidden_size, batch_first=True, nonlinearity="tanh")
        self.fc = nn.Linear(hidden_size, 8)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, h = self.rnn(packed)
        return self.fc(h[-1])


model = GestureRNN()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)
for epoch in range(1, 21):
    if epoch == 15:
        for group in optimizer.param_groups:
            group["lr"] *= .2
    model.train()
    losses = []
    for x, n, y in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x, n), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.)
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        vs, hits = [], 0
        for x, n, y in val_loader:
            o = model(x, n)
            vs.append(loss_fn(o, y).item())
            hits += (o.argmax(-1) == y).sum().item()
    print(f"Epoch {epoch}: train {np.mean(losses):.3f}, val {np.mean(vs):.3f}, acc {hits / 600:.3f}")
writer.close()
print(f"RESULT train {np.mean(losses):.4f} val {np.mean(vs):.4f} acc {hits / 600:.4f}")
