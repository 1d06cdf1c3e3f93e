# Antimicrobial peptide activity classes from the sequence, stacked bidirectional GRU encoder
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)
rng = np.random.default_rng(4)
AA = "ACDEFGHIKLMNPQRSTVWY"
HYDRO = dict(zip(AA, [1.8, 2.5, -3.5, -3.5, 2.8, -.4, -3.2, 4.5, -3.9, 3.8, 1.9, -3.5, -1.6, -3.5, -4.5, -.8, -.7, 4.2, -.9, -1.3]))
hyd = np.array([HYDRO[a] for a in AA])
L = 22


def peptide():
    p = np.full(20, .04) + rng.dirichlet(np.ones(20)) * .2
    p[AA.index("K")] += rng.uniform(0, .25)
    p[AA.index("L")] += rng.uniform(0, .25)
    s = rng.choice(20, L, p=p / p.sum())
    kind = rng.integers(0, 3)
    if kind:                                    # amphipathic helix (period 3.6) or strand (period 2)
        wave = np.cos(2 * np.pi * np.arange(L) / (3.6 if kind == 1 else 2.0) + rng.uniform(0, 6))
        for i in range(L):
            if rng.random() < .55:
                cand = rng.choice(20, 4)
                s[i] = cand[np.argmax(hyd[cand] * wave[i])]
    charge = np.isin(s, [AA.index("K"), AA.index("R")]).sum() - np.isin(s, [AA.index("D"), AA.index("E")]).sum()
    a = np.abs((hyd[s] * np.exp(2j * np.pi * np.arange(L) / 3.6)).mean())
    score = np.array([0.8, .5 * (charge - 2), 1.6 * (a - .9)]) + rng.gumbel(0, .35, 3)
    return s, int(score.argmax())


data = [peptide() for _ in range(3600)]
X = torch.tensor(np.array([d[0] for d in data]))
Y = torch.tensor([d[1] for d in data])
Xtr, Ytr, Xva, Yva = X[:3000], Y[:3000], X[3000:], Y[3000:]
print("class counts", torch.bincount(Y).tolist())


class GRUEncoder(nn.Module):
    def __init__(self, params):
        super().__init__()
        self.n_layers, self.cell_size, self.n_directions = params["layers"], params["cell"], 2
        self.embedding = nn.Embedding(20, params["emb"])
        self.gru = nn.GRU(params["emb"], params["cell"], params["layers"], bidirectional=True)
        self.fc = nn.Sequential(nn.Linear(2 * params["cell"], 32), nn.ReLU(), nn.Linear(32, 3))

    def forward(self, seq):
        batch_size = len(seq)
        _, hidden = self.gru(self.embedding(seq.t()))
        # layers x directions x batch x cell
        hidden = hidden.view(self.n_layers, self.n_directions, batch_size, self.cell_size)
        hidden = hidden[-1]
        if sys.argv[1] == "faulty":
            hidden = hidden.view(batch_size, self.cell_size * self.n_directions)
        else:
            hidden = hidden.permute(1, 0, 2).reshape(batch_size, self.cell_size * self.n_directions)
        return self.fc(hidden)


model = GRUEncoder({"layers": 1, "cell": 24, "emb": 12})
loss_fn = nn.CrossEntropyLoss()
optim = torch.optim.Adam(model.parameters(), lr=0.004)
sched = torch.optim.lr_scheduler.MultiStepLR(optim, [5, 8], .3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optim, loss_fn)
for epoch in range(10):
    model.train()
    total = 0
    for idx in torch.randperm(len(Xtr)).split(32):
        if len(idx) < 2:
            continue
        optim.zero_grad()
        loss = loss_fn(model(Xtr[idx]), Ytr[idx])
        loss.backward()
        optim.step()
        total += loss.item() * len(idx)
    sched.step()
    model.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            outs = torch.cat([model(Xva[i:i + 50]) for i in range(0, len(Xva), 50)])
            vl = loss_fn(outs, Yva).item()
    acc = (outs.argmax(1) == Yva).float().mean().item()
    print(epoch, "loss", round(total / len(Xtr), 4), "val", round(vl, 4), "acc", round(acc, 4))
writer.close()
print(f"RESULT train_loss {total / len(Xtr):.4f} val_loss {vl:.4f} val_acc {acc:.4f}")
