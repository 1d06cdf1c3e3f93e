# Multitask DNN on ECFP-like fingerprints, ToxCast style sparse assays
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
FORM, LOGDIR = sys.argv[1:3]
rng = np.random.RandomState(11)
torch.manual_seed(11)

# --- a stand-in for toxcast_data.csv: 5000 compounds, 512 bits, 16 assays, about 60 % of the cells not measured
N, BITS, TASKS = 5000, 512, 16
latent = rng.normal(size=(N, 10))
fp = (latent @ rng.normal(size=(10, BITS)) + 1.5 * rng.normal(size=(N, BITS)) > 2.2).astype(np.float32)
score = latent @ rng.normal(size=(10, TASKS)) / 2.2 + .8 * np.tanh(latent[:, :1] * latent[:, 1:2]) + .5 * rng.normal(size=(N, TASKS))
active = (score > np.quantile(score, .65, axis=0)).astype(np.float32)
p_miss = 1 / (1 + np.exp(-(rng.normal(.6, .7, TASKS)[None] + .5 * rng.normal(size=(N, 1)))))
labels = active.copy()
labels[rng.rand(N, TASKS) < p_miss] = np.nan
df = pd.DataFrame(labels, columns=[f"assay_{i}" for i in range(TASKS)])
print("missing: %.0f%%, active among measured: %.0f%%" % (100 * df.isna().values.mean(), 100 * np.nanmean(labels)))

if FORM == "faulty":
    y = df.fillna(0).values.astype(np.float32)
    w = np.ones_like(y)
else:
    w = df.notna().values.astype(np.float32)
    y = df.fillna(0).values.astype(np.float32)

X, y, w = torch.tensor(fp), torch.tensor(y), torch.tensor(w)
tr, va = slice(0, 4000), slice(4000, N)


class MultitaskClassifier(nn.Module):
    def __init__(self, n_tasks, n_features, layer_sizes=(64,), dropouts=.3):
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(n_features, layer_sizes[0]), nn.ReLU(), nn.Dropout(dropouts))
        self.tasks = nn.Linear(layer_sizes[0], n_tasks)

    def forward(self, x):
        return self.tasks(self.shared(x))


def weighted_bce(logits, target, weight):
    l = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (l * weight).sum() / weight.sum()


model = MultitaskClassifier(TASKS, BITS)
opt = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-5)
writer = DiagWriter(LOGDIR)
writer.watch(model, opt, weighted_bce)
measured = df.notna().values[va]
for epoch in range(8):
    model.train()
    order = torch.randperm(4000)
    for i in range(0, 4000, 50):
        j = order[i:i + 50]
        opt.zero_grad()
        loss = writer.loss_fn(model(X[tr][j]), y[tr][j], w[tr][j])
        loss.backward()
        opt.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logits = model(X[va])
        vl = writer.loss_fn(logits, y[va], w[va]).item()
    P = torch.sigmoid(logits).numpy()
    auc = np.mean([roc_auc_score(active[va][measured[:, t], t], P[measured[:, t], t]) for t in range(TASKS)])
    pm = P[measured]
    tm = active[va][measured]
    bce = -np.mean(tm * np.log(pm) + (1 - tm) * np.log(1 - pm))
    rec = (pm[tm == 1] > .5).mean()
    print(f"epoch {epoch} val loss {vl:.4f}  on measured cells: bce {bce:.4f} auc {auc:.3f} recall {rec:.3f}")
writer.close()
print(f"RESULT measured_bce={bce:.4f} measured_auc={auc:.3f} recall_of_actives={rec:.3f} acc={((pm > .5) == tm).mean():.3f}")
