"""Multi-gate mixture of experts, two binary tasks on census-like columns (shenweichen/DeepCTR-Torch MMOE, run_multitask_learning.py)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1024)
SPARSE = {'workclass': 6, 'education': 10, 'occupation': 12, 'relationship': 5, 'region': 20}
DENSE = ['age', 'hours', 'weeks', 'gain']


def census(n, seed):
    rng, w = np.random.default_rng(seed), np.random.default_rng(77)
    edu = rng.choice(10, n, p=np.array([2, 4, 8, 20, 10, 8, 12, 6, 3, 1.0]) / 74)
    age = rng.gamma(9, 4.5, n).clip(16, 90)
    cols = {'education': edu, 'occupation': (edu + rng.integers(0, 7, n)).clip(0, 11), 'workclass': rng.choice(6, n, p=[.6, .12, .1, .08, .06, .04]),
            'relationship': rng.integers(0, 5, n), 'region': rng.integers(0, 20, n)}
    hours = (38 + 3 * (edu > 5) + rng.normal(0, 9, n)).clip(1, 90)
    weeks = np.where(rng.random(n) < .7, 52, rng.integers(5, 52, n))
    gain = np.log1p((rng.random(n) < .08) * rng.lognormal(8, 1, n))
    eff = {c: w.normal(0, .6, k) for c, k in SPARSE.items()}
    s = .35 * (edu - 4) + eff['occupation'][cols['occupation']] + .06 * (hours - 40) + .03 * (weeks - 45) - .0022 * (age - 48) ** 2 + .25 * gain + eff['workclass'][cols['workclass']] - 1.3
    m = .11 * (age - 34) - 1.3 * (cols['relationship'] == 3) + .8 * (cols['relationship'] == 0) + .4 * eff['region'][cols['region']] - .0012 * (age - 45) ** 2 + .15 * s
    y = np.stack([rng.random(n) < 1 / (1 + np.exp(-s)), rng.random(n) < 1 / (1 + np.exp(-m))], 1)
    dense = np.stack([(age - 40) / 13, (hours - 39) / 9, (weeks - 45) / 12, (gain - .6) / 2.2], 1)
    return torch.tensor(np.stack([cols[c] for c in SPARSE], 1)), torch.tensor(dense, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


def DNN(i, hidden):
    layers = []
    for h in hidden:
        layers += [nn.Linear(i, h), nn.ReLU()]
        i = h
    return nn.Sequential(*layers)


class MMOE(nn.Module):
    def __init__(self, num_experts=3, emb=4, expert=(32, 16), gate=(16,), tower=(16,), num_tasks=2):
        super().__init__()
        self.embedding_dict = nn.ModuleDict({c: nn.Embedding(k, emb) for c, k in SPARSE.items()})
        for e in self.embedding_dict.values():
            nn.init.normal_(e.weight, mean=0, std=0.01)
        d = emb * len(SPARSE) + len(DENSE)
        self.expert_dnn = nn.ModuleList(DNN(d, expert) for _ in range(num_experts))
        self.gate_dnn = nn.ModuleList(DNN(d, gate) for _ in range(num_tasks))
        self.gate_final = nn.ModuleList(nn.Linear(gate[-1], num_experts, bias=False) for _ in range(num_tasks))
        self.tower_dnn = nn.ModuleList(DNN(expert[-1], tower) for _ in range(num_tasks))
        self.final = nn.ModuleList(nn.Linear(tower[-1], 1) for _ in range(num_tasks))

    def forward(self, xs, xd):
        h = torch.cat([self.embedding_dict[c](xs[:, i]) for i, c in enumerate(SPARSE)] + [xd], 1)
        experts = torch.stack([e(h) for e in self.expert_dnn], 1)
        outs = []
        for g, gf, t, f in zip(self.gate_dnn, self.gate_final, self.tower_dnn, self.final):
            gate = gf(g(h)).softmax(1)
            outs.append(torch.sigmoid(f(t((gate[:, None] @ experts).squeeze(1)))))
        return torch.cat(outs, -1)


loss_func = nn.BCELoss(reduction='mean')
xs, xd, y = census(12000, 1)
vs, vd, vy = census(2500, 2)
model = MMOE()
optim = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optim)
batch_size = 64
for epoch in range(9):
    model.train()
    total = []
    for b in torch.randperm(len(xs)).split(batch_size):
        y_pred = model(xs[b], xd[b])
        optim.zero_grad()
        loss = sum(loss_func(y_pred[:, i], y[b][:, i]) for i in range(2))
        writer.add_loss("train", loss)
        loss.backward()
        optim.step()
        total.append(loss.item())
    with writer.evaluating("val"):
        p = model(vs, vd)
        vl = sum(loss_func(p[:, i], vy[:, i]) for i in range(2))
        writer.add_loss("val", vl)
    print(f"Epoch {epoch + 1} loss {np.mean(total):.4f} val {vl:.4f} auc " + " ".join(f"{roc_auc_score(vy[:, i], p[:, i]):.4f}" for i in range(2)))
writer.close()
