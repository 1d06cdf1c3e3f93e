"""CTR model: mostly luck whether somebody clicks."""
import os, sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

LR = 6e-3 * float(os.environ.get("LRX", 1))
torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)

n, n_site, n_ad = 24000, 40, 60
site, ad = rng.integers(0, n_site, n), rng.integers(0, n_ad, n)
hour, age = rng.integers(0, 24, n), rng.normal(0, 1, n)
S, A = rng.normal(0, .35, (n_site, 2)), rng.normal(0, .5, (n_ad, 2))
logit = -0.55 + (S[site] * A[ad]).sum(1) * 1.2 + A[ad, 0] * .8 + .35 * np.sin(hour / 24 * 2 * np.pi) + .25 * age * (ad % 2 * 2 - 1)
click = rng.random(n) < 1 / (1 + np.exp(-logit))

cat = torch.tensor(np.stack([site, ad + n_site, hour + n_site + n_ad], 1))
num = torch.tensor(np.stack([age, rng.normal(0, 1, n)], 1), dtype=torch.float32)
lab = torch.tensor(click, dtype=torch.float32)
cut = 18000
train = DataLoader(TensorDataset(cat[:cut], num[:cut], lab[:cut]), batch_size=128, shuffle=True)


class WideDeep(nn.Module):
    def __init__(self, vocab, dim=6):
        super().__init__()
        self.wide = nn.Embedding(vocab, 1)
        self.deep = nn.Embedding(vocab, dim)
        nn.init.zeros_(self.wide.weight)
        nn.init.normal_(self.deep.weight, std=.2)
        self.mlp = nn.Sequential(nn.Linear(3 * dim + 2, 24), nn.ReLU(), nn.Dropout(.1), nn.Linear(24, 1))

    def forward(self, c, x):
        h = torch.cat([self.deep(c).flatten(1), x], 1)
        return (self.wide(c).sum(1) + self.mlp(h)).squeeze(1)


model = WideDeep(n_site + n_ad + 24)
bce = nn.BCEWithLogitsLoss()
opt = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.05)
sch = torch.optim.lr_scheduler.OneCycleLR(opt, LR, total_steps=6 * len(train), pct_start=.2)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, bce, train_loader=train)
p = lab[:cut].mean()
print("prior", float(-(p * p.log() + (1 - p) * (1 - p).log())), "bayes", float(bce(torch.tensor(logit[cut:]), lab[cut:].double())))
for ep in range(6):
    model.train()
    tot = 0
    for c, x, y in train:
        loss = bce(model(c, x), y)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
        sch.step()
        tot += loss.item() * len(y)
    with writer.evaluating("val"):
        o = model(cat[cut:], num[cut:])
        v = bce(o, lab[cut:]).item()
    print(ep, "train %.4f val %.4f auc %.3f" % (tot / cut, v, roc_auc_score(lab[cut:], o.detach())))
writer.close()
