# Rossmann-like store sales: entity embeddings + continuous columns, log target, Adam
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(3)
r = np.random.RandomState(3)

WD = 1e-2 if form == "faulty" else 1e-6
n_store, n_item, n = 60, 40, 24000
store, item, dow, month = r.randint(0, n_store, n), r.randint(0, n_item, n), r.randint(0, 7, n), r.randint(0, 12, n)
promo, price = r.rand(n) < .3, r.lognormal(0, .3, n)
u, v = r.normal(0, .6, (n_store, 3)), r.normal(0, .6, (n_item, 3))
size, pop, elas = r.normal(0, .5, n_store), r.normal(0, .7, n_item), r.uniform(.3, 1.6, n_item)
week = np.array([.1, -.1, -.15, 0., .25, .4, -.5])
season = .25 * np.sin(2 * np.pi * (month[:, None] + np.arange(n_item)[None] % 12) / 12)[np.arange(n), item]
logs = 3 + size[store] + pop[item] + (u[store] * v[item]).sum(1) + week[dow] + season + .35 * promo - elas[item] * np.log(price)
logs += r.normal(0, .2, n)
ymean, ystd = logs[:20000].mean(), logs[:20000].std()
cats = torch.tensor(np.stack([store, item, dow, month], 1))
conts = torch.tensor(np.stack([(np.log(price)) / .3, (promo - .3) / .46], 1), dtype=torch.float32)
y = torch.tensor((logs - ymean) / ystd, dtype=torch.float32)
tr = DataLoader(TensorDataset(cats[:20000], conts[:20000], y[:20000]), batch_size=128, shuffle=True)
va = (cats[20000:], conts[20000:], y[20000:])


class MixedInputModel(nn.Module):
    def __init__(self, emb_szs, n_cont, szs, drops):
        super().__init__()
        self.embs = nn.ModuleList([nn.Embedding(c, s) for c, s in emb_szs])
        for e in self.embs:
            e.weight.data.uniform_(-2 / (e.embedding_dim + 1), 2 / (e.embedding_dim + 1))
        szs = [sum(s for _, s in emb_szs) + n_cont] + szs
        self.lins = nn.ModuleList([nn.Linear(a, b) for a, b in zip(szs[:-1], szs[1:])])
        self.outp = nn.Linear(szs[-1], 1)
        self.drops = nn.ModuleList([nn.Dropout(d) for d in drops])

    def forward(self, x_cat, x_cont):
        x = torch.cat([e(x_cat[:, i]) for i, e in enumerate(self.embs)] + [x_cont], 1)
        for l, d in zip(self.lins, self.drops):
            x = d(torch.relu(l(x)))
        return self.outp(x).squeeze(1)


m = MixedInputModel([(n_store, 16), (n_item, 12), (7, 4), (12, 6)], 2, [96, 48], [.02, .02])
opt = torch.optim.Adam(m.parameters(), lr=2e-3, weight_decay=WD)
crit = nn.MSELoss()
writer = DiagWriter(LOGDIR)
writer.watch(m, opt, crit)
print("epoch      trn_loss   val_loss   rmspe")
for epoch in range(10):
    m.train()
    avg = 0.0
    for i, (a, b, t) in enumerate(tr):
        loss = crit(m(a, b), t)
        opt.zero_grad()
        loss.backward()
        opt.step()
        avg = avg * .98 + loss.item() * .02
    m.eval()
    with torch.no_grad():
        p = m(va[0], va[1])
        pe = ((torch.exp((va[2] - p) * float(ystd)) - 1) ** 2).mean().sqrt()
    print("%5d %12.6f %10.6f %8.4f" % (epoch, avg / (1 - .98 ** (i + 1)) if epoch == 0 else avg, crit(p, va[2]).item(), pe))
writer.close()
