"""Dixon & Coles light: attack / defence strengths of football teams as two embeddings,
home advantage as one number, Poisson likelihood of the goals. The loss hardly falls: goals are mostly luck."""
import sys
import itertools
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.RandomState(11)
torch.manual_seed(11)

TEAMS = 20
SEASONS = 8
att = rng.normal(0, .32, TEAMS)
dfn = rng.normal(0, .26, TEAMS)
home = .27


def play_season(att, dfn):
    games = []
    for h, a in itertools.permutations(range(TEAMS), 2):
        gh = rng.poisson(np.exp(.2 + home + att[h] - dfn[a]))
        ga = rng.poisson(np.exp(.2 + att[a] - dfn[h]))
        games.append((h, a, gh, ga))
    return games


games = []
for season in range(SEASONS):
    games += play_season(att + rng.normal(0, .05, TEAMS), dfn + rng.normal(0, .05, TEAMS))
games = np.array(games)
games = games[rng.permutation(len(games))]
split = int(.8 * len(games))
tr, va = torch.tensor(games[:split]), torch.tensor(games[split:])
print(len(tr), "games to learn from,", len(va), "held out; goals per game", games[:, 2:].sum(1).mean())


class Strengths(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.attack = nn.Embedding(n, 1)
        self.defence = nn.Embedding(n, 1)
        nn.init.zeros_(self.attack.weight)      # every team starts as the average team
        nn.init.zeros_(self.defence.weight)
        self.base = nn.Parameter(torch.zeros(1))
        self.home = nn.Parameter(torch.zeros(1))

    def forward(self, h, a):
        lh = self.base + self.home + self.attack(h)[:, 0] - self.defence(a)[:, 0]
        la = self.base + self.attack(a)[:, 0] - self.defence(h)[:, 0]
        return torch.stack([lh, la], 1)


model = Strengths(TEAMS)
poisson = nn.PoissonNLLLoss(log_input=True, full=True)
opt = torch.optim.Adam(model.parameters(), lr=0.01)
w = DiagWriter(sys.argv[1])
w.watch(model, opt, poisson)

BATCH = 64
EPOCHS = 25
for epoch in range(EPOCHS):
    perm = torch.randperm(len(tr))
    total = 0
    for i in range(0, len(tr), BATCH):
        b = tr[perm[i:i + BATCH]]
        loss = poisson(model(b[:, 0], b[:, 1]), b[:, 2:].float())
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() * len(b)
    with torch.no_grad(), w.evaluating("val"):
        lam = model(va[:, 0], va[:, 1])
        vl = poisson(lam, va[:, 2:].float()).item()
        const = tr[:, 2:].float().mean(0).log().expand_as(lam)
    if epoch % 4 == 0 or epoch == EPOCHS - 1:
        print(f"{epoch:3d} train {total / len(tr):.4f} val {vl:.4f} home {model.home.item():.3f}")
w.close()
base = nn.PoissonNLLLoss(log_input=True, full=True)(const, va[:, 2:].float()).item()
r = np.corrcoef(model.attack.weight.detach().numpy()[:, 0], att)[0, 1]
print(f"RESULT train={total/len(tr):.4f} val={vl:.4f} const_model={base:.4f} corr_attack={r:.3f} home={model.home.item():.3f} (true .27)")
