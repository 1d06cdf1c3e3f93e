"""Star ratings for a meal-kit service: hybrid of collaborative part and side information (customer profile, ingredients).
Ratings are 1..5, about 25 per customer; the noise of a single rating is large (people are moody)."""
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(17); torch.manual_seed(17)
N_USERS, N_RECIPES, N_INGR = 900, 240, 40


def load():
    users = pd.DataFrame({"age": np.random.randint(20, 75, N_USERS), "household": np.random.randint(1, 6, N_USERS),
                          "diet": np.random.choice(4, N_USERS, p=[.6, .2, .12, .08])})
    ingr = (np.random.rand(N_RECIPES, N_INGR) < .12).astype("float32")
    taste_ingr = np.random.randn(N_INGR, 6) * .35
    diet_ingr = np.random.randn(4, N_INGR) * .35
    pu = np.random.randn(N_USERS, 6) * .45
    qr = ingr @ taste_ingr + np.random.randn(N_RECIPES, 6) * .25
    bu, br = np.random.randn(N_USERS) * .4, np.random.randn(N_RECIPES) * .3
    pop = np.random.zipf(1.6, N_RECIPES).clip(1, 30).astype(float)
    rows = []
    for u in range(N_USERS):
        rec = np.random.choice(N_RECIPES, np.random.randint(12, 40), replace=False, p=pop / pop.sum())
        s = 3.6 + bu[u] + br[rec] + qr[rec] @ pu[u] + ingr[rec] @ diet_ingr[users.diet[u]] * .6 + np.random.randn(len(rec)) * .75
        rows += [(u, r, v) for r, v in zip(rec, np.clip(np.round(s), 1, 5))]
    df = pd.DataFrame(rows, columns=["user", "recipe", "stars"])
    return users, ingr, df.sample(frac=1, random_state=0).reset_index(drop=True)


class Ratings(Dataset):
    def __init__(self, df):
        self.u, self.r = torch.tensor(df.user.values), torch.tensor(df.recipe.values)
        self.s = torch.tensor(df.stars.values, dtype=torch.float32)
    def __len__(self): return len(self.s)
    def __getitem__(self, i): return self.u[i], self.r[i], self.s[i]


class Hybrid(nn.Module):
    def __init__(self, users, ingr, mu, k=12):
        super().__init__()
        prof = np.concatenate([(users[["age", "household"]] - users[["age", "household"]].mean()) / users[["age", "household"]].std(),
                               np.eye(4)[users.diet]], 1)
        self.register_buffer("prof", torch.tensor(prof, dtype=torch.float32))
        self.register_buffer("ingr", torch.tensor(ingr))
        self.mu = mu
        self.ue, self.re = nn.Embedding(N_USERS, k), nn.Embedding(N_RECIPES, k)
        self.ub, self.rb = nn.Embedding(N_USERS, 1), nn.Embedding(N_RECIPES, 1)
        for e in (self.ue, self.re): nn.init.normal_(e.weight, std=.05)
        for e in (self.ub, self.rb): nn.init.zeros_(e.weight)
        self.u_side, self.r_side = nn.Linear(6, k), nn.Linear(N_INGR, k)
        self.deep = nn.Sequential(nn.Linear(2 * k, 32), nn.ReLU(), nn.Dropout(.3), nn.Linear(32, 1))

    def forward(self, u, r):
        a = self.ue(u) + self.u_side(self.prof[u])
        b = self.re(r) + self.r_side(self.ingr[r])
        return self.mu + (self.ub(u) + self.rb(r)).squeeze(1) + (a * b).sum(1) / 2 + self.deep(torch.cat([a, b], 1)).squeeze(1)


users, ingr, df = load()
cut = int(.85 * len(df))
tr, va = df[:cut], df[cut:]
print(len(df), "ratings, std", round(df.stars.std(), 3), "baseline MSE", round(va.stars.var(), 3))
dl_tr = DataLoader(Ratings(tr), batch_size=256, shuffle=True)
dl_va = DataLoader(Ratings(va), batch_size=2048)
model = Hybrid(users, ingr, float(tr.stars.mean()))
mse = nn.MSELoss()
emb = [p for n, p in model.named_parameters() if n.split(".")[0] in ("ue", "re", "ub", "rb")]
rest = [p for n, p in model.named_parameters() if n.split(".")[0] not in ("ue", "re", "ub", "rb")]
opt = torch.optim.AdamW([{"params": emb, "weight_decay": 1.0}, {"params": rest, "weight_decay": .1}], lr=3e-2)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, mse)
EPOCHS = 14
sched = torch.optim.lr_scheduler.LinearLR(opt, 1., .05, total_iters=EPOCHS)
for epoch in range(EPOCHS):
    model.train(); tot = 0
    for u, r, s in dl_tr:
        opt.zero_grad()
        loss = mse(model(u, r), s)
        loss.backward(); opt.step()
        tot += loss.item() * len(s)
    sched.step()
    model.eval(); v = 0
    with torch.no_grad(), writer.evaluating("val"):
        for u, r, s in dl_va:
            v += mse(model(u, r), s).item() * len(s)
    print(f"epoch {epoch + 1}: train {tot / len(tr):.4f} val {v / len(va):.4f} (RMSE {(v / len(va)) ** .5:.3f})")
writer.close()
print(f"RESULT train {tot / len(tr):.4f} val {v / len(va):.4f} baseline {va.stars.var():.4f}")
