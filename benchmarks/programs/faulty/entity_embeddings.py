# tabular data with categorical columns -> entity embeddings
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.default_rng(5)
torch.manual_seed(5)

cardinalities = [120, 80, 40]
n = 9000
cats = np.stack([rng.integers(0, c, n) for c in cardinalities], 1)
num = rng.normal(size=(n, 3)).astype(np.float32)
eff = [rng.normal(size=c) for c in cardinalities]
y = eff[0][cats[:, 0]] * (1 + 0.5 * num[:, 0]) + eff[1][cats[:, 1]] + eff[2][cats[:, 2]] * num[:, 1] + 0.1 * rng.normal(size=n)
y = ((y - y.mean()) / y.std()).astype(np.float32)[:, None]


class TabularModel(nn.Module):
    def __init__(self, emb_szs, n_cont, layers=(48, 24)):
        super(TabularModel, self).__init__()
        embs = [nn.Embedding(ni, nf) for ni, nf in emb_szs]
        if sys.argv[1] == 'fixed':
            self.embeds = nn.ModuleList(embs)
        else:
            self.embeds = embs
        n_emb = sum(nf for ni, nf in emb_szs)
        self.bn = nn.BatchNorm1d(n_cont)
        self.lin1 = nn.Linear(n_emb + n_cont, layers[0])
        self.lin2 = nn.Linear(layers[0], layers[1])
        self.out = nn.Linear(layers[1], 1)

    def forward(self, x_cat, x_cont):
        x = torch.cat([e(x_cat[:, i]) for i, e in enumerate(self.embeds)], 1)
        x = torch.cat([x, self.bn(x_cont)], 1)
        x = F.relu(self.lin1(x))
        x = F.relu(self.lin2(x))
        return self.out(x)


ds = [TensorDataset(torch.tensor(cats[s]), torch.tensor(num[s]), torch.tensor(y[s])) for s in (slice(0, 7500), slice(7500, n))]
trn = DataLoader(ds[0], batch_size=64, shuffle=True)
vld = DataLoader(ds[1], batch_size=500)
model = TabularModel([(c, 3) for c in cardinalities], 3)
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
crit = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, crit)

for epoch in range(20):
    model.train()
    tl = []
    for a, b, t in trn:
        opt.zero_grad()
        loss = crit(model(a, b), t)
        loss.backward()
        opt.step()
        tl.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        vl = [crit(model(a, b), t).item() for a, b, t in vld]
    if epoch % 4 == 0:
        print(epoch, np.mean(tl), np.mean(vl))
writer.close()
print("RESULT train %.4f val %.4f" % (np.mean(tl), np.mean(vl)))
