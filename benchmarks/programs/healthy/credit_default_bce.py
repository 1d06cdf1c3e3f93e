"""Default of credit card clients (Taiwan, UCI 350 look-alike).  about 17 % positives here, AUC is the figure of merit (0.77 or so in the literature)."""
import argparse
import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import QuantileTransformer
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("logdir")
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(0)
g = np.random.default_rng(0)

N = 9000
risk = g.normal(size=N)
limit = np.exp(g.normal(11.6, .9, N) - .25 * risk)
pay = np.zeros((N, 6))
state = risk * .7 + g.normal(size=N) * .5
for m in range(6):
    state = .8 * state + .45 * g.normal(size=N) + .1 * risk
    pay[:, m] = np.clip(np.floor(state * 1.6), -2, 8)
util = 1 / (1 + np.exp(-(risk * .6 + g.normal(size=(N, 1)).ravel())))
bill = limit[:, None] * util[:, None] * np.exp(g.normal(0, .25, (N, 6)))
paid = bill * np.exp(g.normal(-2.7, .9, (N, 6))) * (1 - .1 * np.clip(pay, 0, 4))
age = g.integers(21, 70, N)
logit = -1.9 + .75 * np.clip(pay[:, 5], -1, 3) + .3 * np.clip(pay[:, 4], -1, 3) + .35 * risk - .15 * (np.log(limit) - 11.6) + .6 * (util - .5)
y = (g.random(N) < 1 / (1 + np.exp(-logit))).astype("float32")
X = np.column_stack([limit, age, pay, bill, paid]).astype("float32")
print("positives:", y.mean())

i_tr, i_va, i_te = np.split(g.permutation(N), [6000, 7500])
qt = QuantileTransformer(output_distribution="normal", n_quantiles=300).fit(X[i_tr])
X = torch.from_numpy(qt.transform(X).astype("float32")).clamp(-4, 4)
y = torch.from_numpy(y)


class ResBlock(torch.nn.Module):
    def __init__(self, d, p):
        super().__init__()
        self.f = torch.nn.Sequential(torch.nn.BatchNorm1d(d), torch.nn.Linear(d, 2 * d), torch.nn.ReLU(), torch.nn.Dropout(p), torch.nn.Linear(2 * d, d), torch.nn.Dropout(p))

    def forward(self, x):
        return x + self.f(x)


class TabResNet(torch.nn.Module):
    def __init__(self, d_in, d=32, blocks=2, p=.25):
        super().__init__()
        self.first = torch.nn.Linear(d_in, d)
        self.blocks = torch.nn.Sequential(*[ResBlock(d, p) for _ in range(blocks)])
        self.head = torch.nn.Sequential(torch.nn.BatchNorm1d(d), torch.nn.ReLU(), torch.nn.Linear(d, 1))

    def forward(self, x):
        return self.head(self.blocks(self.first(x))).squeeze(-1)


model = TabResNet(X.shape[1])
opt = torch.optim.AdamW(model.parameters(), lr=5e-4, weight_decay=1e-2)
bce = torch.nn.BCEWithLogitsLoss()
w = DiagWriter(args.logdir)
w.watch(model, opt, bce)


def evaluate(idx, name):
    model.eval()
    with torch.inference_mode(), w.evaluating(name):
        o = model(X[idx])
        l = bce(o, y[idx])
    return l.item(), roc_auc_score(y[idx].numpy(), o.numpy())


for ep in range(15):
    model.train()
    tot = []
    for b in torch.as_tensor(g.permutation(i_tr)).split(128):
        if len(b) < 2:
            continue
        opt.zero_grad(set_to_none=True)
        l = bce(model(X[b]), y[b])
        l.backward()
        opt.step()
        tot.append(l.item())
    vl, va = evaluate(i_va, "val")
    print(f"ep {ep:2d} | train {np.mean(tot):.4f} | val {vl:.4f} auc {va:.4f}")
tl, ta = evaluate(i_te, "test")
w.close()
print(f"RESULT val={vl:.4f} auc={va:.4f} test={tl:.4f} test_auc={ta:.4f}")
