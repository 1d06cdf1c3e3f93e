import sys
import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

MODE, LOGDIR = sys.argv[1:]
torch.set_num_threads(1); torch.manual_seed(21)
rs = np.random.RandomState(21)

MAXLEN = 25


def trip(short):
    n = rs.randint(15, MAXLEN) if short else MAXLEN
    head, speed = rs.uniform(0, 2 * np.pi), rs.uniform(.5, 1.5)
    turn = rs.uniform(-.18, .18)
    p, out = np.zeros(2), []
    for t in range(n + 1):
        head += turn + .08 * rs.randn()
        if rs.rand() < .05:
            turn = rs.uniform(-.18, .18)
        p = p + speed * np.array([np.cos(head), np.sin(head)])
        out.append(p.copy())
    step = np.diff(np.array(out), axis=0) + .07 * rs.randn(n, 2)
    return torch.tensor(step, dtype=torch.float32)


trips = [trip(rs.rand() < .004) for _ in range(2400)]
train, valid = trips[:2000], [t for t in trips[2000:]]


def collate(batch):
    lens = torch.tensor([len(b) - 1 for b in batch])
    x = pad_sequence([b[:-1] for b in batch] + [torch.zeros(MAXLEN - 1, 2)], batch_first=True)[:-1]
    y = pad_sequence([b[1:] for b in batch] + [torch.zeros(MAXLEN - 1, 2)], batch_first=True)[:-1]
    mask = (torch.arange(MAXLEN - 1)[None] < lens[:, None]).float()
    return x, y, mask


class NextStep(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 48, batch_first=True)
        self.head = nn.Sequential(nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, x):
        h, _ = self.gru(x)
        return self.head(h)


class DistanceLoss(nn.Module):
    """mean euclidean error of the predicted displacement"""

    def forward(self, pred, y, mask):
        m = mask.unsqueeze(-1)
        lx, ly = (pred * m - y * m).unbind(-1)
        sq = lx.pow(2) + ly.pow(2)
        if MODE == "fixed":
            sq = sq + 1e-10
        return torch.sqrt(sq).sum() / mask.sum()


model, dist = NextStep(), DistanceLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.8)
tl = DataLoader(train, batch_size=32, shuffle=True, collate_fn=collate)
vl = DataLoader(valid, batch_size=200, collate_fn=collate)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, dist)
for epoch in range(15):
    model.train()
    hist = []
    for x, y, mask in tl:
        loss = dist(model(x), y, mask)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        hist.append(loss.item())
    scheduler.step()
    with writer.evaluating("val"):
        v = [dist(model(x), y, mask).item() for x, y, mask in vl]
    print("epoch %2d  train %.4f  valid %.4f  first nan %s" % (epoch, np.mean(hist), np.mean(v), next((i for i, h in enumerate(hist) if h != h), None)))
writer.close()
