"""fastai's tabular learner in plain PyTorch: entity embeddings, batch norm on the numbers, embedding dropout,
Linear-BatchNorm-Dropout blocks, y_range through a sigmoid, MSE on the log target, AdamW with the one-cycle
policy (momentum cycles as well), decoupled weight decay 0.01, no decay on biases and batch norm.
Port of fastai nbs/43_tabular.learner and course lesson "Rossmann"; made-up store sales."""
import math
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)


def make(n=9000):
    store, dow, month = rng.integers(0, 60, n), rng.integers(0, 7, n), rng.integers(0, 12, n)
    promo, kind = rng.integers(0, 2, n), None
    r = np.random.default_rng(1)
    s_eff, s_kind, s_promo = r.normal(0, 0.35, 60), r.integers(0, 4, 60), r.normal(0.25, 0.08, 60)
    week = r.normal(0, 0.15, (4, 7))
    year = 0.18 * np.sin(2 * np.pi * (np.arange(12) + 1) / 12) + np.where(np.arange(12) == 11, 0.3, 0)
    kind = s_kind[store]
    dist, temp = np.exp(r.normal(1, 1, 60))[store], rng.normal(12, 8, n)
    y = (8.5 + s_eff[store] + week[kind, dow] + year[month] + promo * s_promo[store] - 0.05 * np.log1p(dist)
         + 0.004 * (temp - 12) * (kind == 2) + rng.normal(0, 0.1, n))
    cats = np.stack([store, dow, month, promo, kind], 1)
    conts = np.stack([np.log1p(dist), temp], 1)
    conts = (conts - conts.mean(0)) / conts.std(0)
    return torch.tensor(cats), torch.tensor(conts, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None]


cats, conts, y = make()
n_tr = 7000
dl = DataLoader(TensorDataset(cats[:n_tr], conts[:n_tr], y[:n_tr]), batch_size=64, shuffle=True, drop_last=True)
val = DataLoader(TensorDataset(cats[n_tr:], conts[n_tr:], y[n_tr:]), batch_size=256)


def emb_sz_rule(n_cat):
    return min(600, round(1.6 * n_cat ** 0.56))


class TabularModel(nn.Module):
    def __init__(self, cards, n_cont, layers=(200, 100), ps=(0.001, 0.01), embed_p=0.04, y_range=None):
        super().__init__()
        self.embeds = nn.ModuleList([nn.Embedding(c, emb_sz_rule(c)) for c in cards])
        for e in self.embeds:
            nn.init.trunc_normal_(e.weight, std=0.01)
        self.emb_drop = nn.Dropout(embed_p)
        self.bn_cont = nn.BatchNorm1d(n_cont)
        sizes, mods = [sum(e.embedding_dim for e in self.embeds) + n_cont, *layers], []
        for i, o, p in zip(sizes, sizes[1:], ps):
            mods += [nn.Linear(i, o, bias=False), nn.ReLU(inplace=True), nn.BatchNorm1d(o), nn.Dropout(p)]
        self.layers = nn.Sequential(*mods, nn.Linear(sizes[-1], 1))
        self.y_range = y_range

    def forward(self, x_cat, x_cont):
        x = self.emb_drop(torch.cat([e(x_cat[:, i]) for i, e in enumerate(self.embeds)], 1))
        x = self.layers(torch.cat([x, self.bn_cont(x_cont)], 1))
        lo, hi = self.y_range
        return torch.sigmoid(x) * (hi - lo) + lo


model = TabularModel([60, 7, 12, 2, 4], 2, y_range=(y.min().item() - 0.3, y.max().item() * 1.1))
decay = [p for n, p in model.named_parameters() if p.ndim > 1]
plain = [p for n, p in model.named_parameters() if p.ndim <= 1]
epochs, lr_max = 6, 1e-2
opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}],
                        lr=lr_max, betas=(0.9, 0.99), eps=1e-5)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, lr_max, total_steps=epochs * len(dl), pct_start=0.25, div_factor=25,
                                            final_div_factor=1e5)
loss_func = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, loss_func)
print("epoch     train_loss  valid_loss  rmspe   (baseline %.4f)" % y[n_tr:].var().item())
for epoch in range(epochs):
    model.train()
    smooth, k = 0., 0
    for xb, xc, yb in dl:
        loss = loss_func(model(xb, xc), yb)
        loss.backward()
        opt.step()
        sched.step()
        opt.zero_grad()
        k += 1
        smooth = 0.98 * smooth + 0.02 * loss.item()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        ls, pe = [], []
        for xb, xc, yb in val:
            p = model(xb, xc)
            ls.append(loss_func(p, yb).item())
            pe.append(((p.exp() - yb.exp()) / yb.exp()).pow(2))
    print(f"{epoch}         {smooth / (1 - 0.98 ** k):.6f}    {np.mean(ls):.6f}    {torch.cat(pe).mean().sqrt():.6f}")
writer.close()
