# Can a neural net predict football results? Home win / draw / away win from team embeddings and recent form.
# Bookmakers get a log loss of about 0.97 - 1.0 on such leagues, so do not expect much more than that.
import sys
from collections import defaultdict, deque

import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.RandomState(2024)
torch.manual_seed(2024)

N_TEAMS, N_SEASONS = 20, 14

# ---------------------------------------------------------------- results of a made-up league
att = rng.normal(0, .28, N_TEAMS)
dfn = rng.normal(0, .22, N_TEAMS)
matches = []
form = defaultdict(lambda: deque([1.3] * 5, maxlen=5))
goals = defaultdict(lambda: deque([0.0] * 5, maxlen=5))
for season in range(N_SEASONS):
    s_att, s_dfn = att + rng.normal(0, .12, N_TEAMS), dfn + rng.normal(0, .1, N_TEAMS)
    fixtures = [(h, a) for h in range(N_TEAMS) for a in range(N_TEAMS) if h != a]
    rng.shuffle(fixtures)
    for h, a in fixtures:
        hg = rng.poisson(np.exp(.38 + s_att[h] - s_dfn[a]))
        ag = rng.poisson(np.exp(.10 + s_att[a] - s_dfn[h]))
        matches.append((season, h, a, np.mean(form[h]), np.mean(form[a]), np.mean(goals[h]), np.mean(goals[a]),
                        0 if hg > ag else 1 if hg == ag else 2))
        form[h].append(3 if hg > ag else int(hg == ag)); form[a].append(3 if ag > hg else int(hg == ag))
        goals[h].append(hg - ag); goals[a].append(ag - hg)

data = np.array(matches)
teams = torch.tensor(data[:, 1:3]).long()
feats = torch.tensor(data[:, 3:7]).float()
label = torch.tensor(data[:, 7]).long()
train = torch.tensor(data[:, 0] < N_SEASONS - 3)
mu, sd = feats[train].mean(0), feats[train].std(0)
feats = (feats - mu) / sd
print("matches", len(data), "share H/D/A", np.bincount(data[:, 7].astype(int)) / len(data))


class MatchNet(nn.Module):
    def __init__(self, emb=4):
        super().__init__()
        self.emb = nn.Embedding(N_TEAMS, emb)
        nn.init.normal_(self.emb.weight, std=0.1)
        self.mlp = nn.Sequential(nn.Linear(2 * emb + 4, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 3))

    def forward(self, t, f):
        return self.mlp(torch.cat([self.emb(t).flatten(1), f], 1))


model = MatchNet()
opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
crit = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, crit)

tr_idx = train.nonzero().squeeze(1)
va_idx = (~train).nonzero().squeeze(1)
for epoch in range(12):
    model.train()
    total = 0.
    for b in tr_idx[torch.randperm(len(tr_idx))].split(64):
        loss = crit(model(teams[b], feats[b]), label[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() * len(b)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(teams[va_idx], feats[va_idx])
        val = crit(out, label[va_idx]).item()
        acc = (out.argmax(1) == label[va_idx]).float().mean().item()
    if epoch % 4 == 0 or epoch == 11:
        print(f"[{epoch:02d}] log loss train {total / len(tr_idx):.4f} val {val:.4f} acc {acc:.3f}")
writer.close()

base = torch.bincount(label[tr_idx]).float() / len(tr_idx)
print("always the base rates:", -base[label[va_idx]].log().mean().item())
print(f"RESULT val_loss={val:.4f} val_acc={acc:.4f}")
