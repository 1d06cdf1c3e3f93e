"""Who wins the next point on serve?  Points are nearly coin flips: even the true probabilities have a log loss of about 0.65,
so judge the net by its calibration and by the gain over the base rate, not by how far the loss falls."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(30)
rng = np.random.default_rng(30)
n = 20000
players = rng.normal(0, .35, (200, 2))                       # serve and return skill
srv, ret = rng.integers(0, 200, n), rng.integers(0, 200, n)
seen = players + rng.normal(0, .12, players.shape)           # what the season statistics say
first = rng.random(n) < .62
surface = rng.integers(0, 3, n)
score_gap = rng.integers(-3, 4, n)
shot_no = rng.poisson(80, n)
logit = (.15 + .75 * first + players[srv, 0] - players[ret, 1] + np.array([-.15, .0, .2])[surface]
         + .04 * score_gap - .002 * (shot_no - 80) * (~first))
prob = 1 / (1 + np.exp(-logit))
won = (rng.random(n) < prob).astype(np.float32)
feats = np.c_[seen[srv], seen[ret], first, np.eye(3)[surface], score_gap / 2, (shot_no - 80) / 9].astype(np.float32)
cut = 16000
train = DataLoader(TensorDataset(torch.tensor(feats[:cut]), torch.tensor(won[:cut])), batch_size=200, shuffle=True)
val = DataLoader(TensorDataset(torch.tensor(feats[cut:]), torch.tensor(won[cut:])), batch_size=1000)


class PointNet(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(d, 24), nn.ReLU(), nn.Linear(24, 12), nn.ReLU())
        self.logit = nn.Linear(12, 1)

    def forward(self, x):
        return self.logit(self.body(x)).squeeze(1)


model = PointNet(feats.shape[1])
opt = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
bce = nn.BCEWithLogitsLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, bce)
for epoch in range(12):
    model.train()
    tl = []
    for x, y in train:
        opt.zero_grad()
        loss = bce(model(x), y)
        loss.backward()
        opt.step()
        tl.append(loss.item())
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        vl = np.mean([bce(model(x), y).item() for x, y in val])
    print(f"epoch {epoch}: train {np.mean(tl):.4f} val {vl:.4f}")
p = prob[cut:]
oracle = -np.mean(won[cut:] * np.log(p) + (1 - won[cut:]) * np.log(1 - p))
b = won[:cut].mean()
base = -np.mean(won[cut:] * np.log(b) + (1 - won[cut:]) * np.log(1 - b))
writer.close()
print(f"RESULT val {vl:.4f} oracle {oracle:.4f} base_rate {base:.4f}")
