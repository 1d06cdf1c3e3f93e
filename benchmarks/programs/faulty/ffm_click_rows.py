"""Field-aware FM with a handful of numeric fields next to the categorical ones (libffm like)."""
import argparse, sys
import numpy as np
import torch
from torch import nn
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("form"); ap.add_argument("logdir")
ap.add_argument("--eta", type=float, default=0.1)
ap.add_argument("--k", type=int, default=4)
ap.add_argument("--n_iter", type=int, default=6)
args = ap.parse_args()
torch.set_num_threads(1); torch.manual_seed(1)
rng = np.random.default_rng(1)

CARD = [30, 12, 7]                       # site, device, weekday
NUM = ["price", "age_of_ad_hours", "impressions", "user_age"]
N = 14000
cat = np.stack([rng.integers(0, c, N) for c in CARD], 1)
eff = [rng.normal(0, s, c) for s, c in zip((.8, .5, .3), CARD)]
pair = rng.normal(0, .6, (CARD[0], CARD[1]))
z = rng.normal(size=(N, 4)); z[:, 2] = .6 * z[:, 1] + .8 * z[:, 2]
raw = np.stack([np.exp(3.5 + .8 * z[:, 0]), 200 + 70 * z[:, 1], 5000 + 1500 * z[:, 2], 38 + 12 * z[:, 3]], 1)
logit = sum(e[cat[:, j]] for j, e in enumerate(eff)) + pair[cat[:, 0], cat[:, 1]] \
    - .7 * z[:, 0] - .5 * z[:, 1] + .6 * z[:, 3] + .4 * z[:, 3] * eff[0][cat[:, 0]] - .4
y = (rng.random(N) < 1 / (1 + np.exp(-logit))).astype("float32")

num = raw.astype("float32")
if args.form != "faulty":
    num = (num - num[:11000].mean(0)) / num[:11000].std(0)
offs = np.cumsum([0] + CARD)
idx = torch.from_numpy(np.concatenate([cat + offs[:3], np.tile(offs[3] + np.arange(4), (N, 1))], 1))
val = torch.from_numpy(np.concatenate([np.ones((N, 3), "f"), num], 1).astype("f"))
lab = torch.from_numpy(y)


class FFM(nn.Module):
    def __init__(self, n_feat, n_fields, k):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))
        self.w = nn.Embedding(n_feat, 1)
        self.v = nn.Embedding(n_feat, n_fields * k)
        nn.init.zeros_(self.w.weight)
        nn.init.uniform_(self.v.weight, 0, 1 / np.sqrt(k) * .5)
        self.F, self.k = n_fields, k

    def forward(self, idx, val):
        lin = (self.w(idx).squeeze(-1) * val).sum(1)
        v = self.v(idx).view(-1, self.F, self.F, self.k) * val[:, :, None, None]
        inter = (v * v.transpose(1, 2)).sum(-1)                  # <v_i,fj , v_j,fi>
        iu = torch.triu_indices(self.F, self.F, 1)
        return self.bias + lin + inter[:, iu[0], iu[1]].sum(1)


model = FFM(int(offs[3]) + 4, 7, args.k)
loss_fn = nn.BCEWithLogitsLoss()
opt = torch.optim.Adagrad(model.parameters(), lr=args.eta)
w = DiagWriter(args.logdir)
w.watch(model, opt, loss_fn)
ntr = 11000
for it in range(args.n_iter):
    perm = torch.randperm(ntr)
    run = []
    for s in range(0, ntr, 100):
        b = perm[s:s + 100]
        loss = loss_fn(model(idx[b], val[b]), lab[b])
        opt.zero_grad(); loss.backward(); opt.step()
        run.append(loss.item())
    with torch.no_grad(), w.evaluating("val"):
        out = model(idx[ntr:], val[ntr:])
        vl = loss_fn(out, lab[ntr:]).item()
    auc = roc_auc_score(y[ntr:], np.nan_to_num(out.numpy()))
    print("iteration %d, train %.4f, val %.4f, val auc %.4f" % (it, np.mean(run), vl, auc))
w.close()
print(f"RESULT train_loss={np.mean(run):.4f} val_loss={vl:.4f} val_auc={auc:.4f}")
