"""Few-shot anomaly detection on a review graph: SGC encoder + deviation loss (GDN in the manner of Meta-GDN_AnomalyDetection)."""
import argparse, sys
import numpy as np
import scipy.sparse as sp
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score, average_precision_score
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument('form'); parser.add_argument('logdir')
parser.add_argument('--epochs', type=int, default=240)
parser.add_argument('--lr', type=float, default=0.01)
parser.add_argument('--bs', type=int, default=64)
args = parser.parse_args()
torch.set_num_threads(1); np.random.seed(1); torch.manual_seed(1)
n = 5000

# users: counts of reviews, words, votes, days, stars ... ; spammers write many short ones in a few days
ano = np.random.rand(n) < 0.08
comm = np.random.randint(0, 12, n)
act = np.random.gamma(1.5, 1.0, n)
feat = np.stack([
    np.random.poisson(20 * act + 14 * ano), 900 * act * np.random.lognormal(-0.25 * ano, 0.5), np.random.poisson(4 * act * (1 - 0.3 * ano)),
    np.random.gamma(3, 300, n) * (1 - 0.35 * ano), np.clip(np.random.normal(3.6 + 0.5 * ano, 0.8), 1, 5), np.random.beta(2, 5 - 1.2 * ano),
    np.random.poisson(3 + 3 * ano), 20000 * np.random.lognormal(0, 1.0, n)] +
    [np.random.poisson(1 + 0.5 * (comm == k)) for k in range(12)], 1).astype(np.float32)
rows, cols = [], []
for i in range(n):
    same = np.where(comm == comm[i])[0] if np.random.rand() < .5 else np.where((comm == comm[i]) & (ano == ano[i]))[0]
    for j in np.concatenate([np.random.choice(same, 3), np.random.randint(0, n, 2)]):
        rows += [i, j]; cols += [j, i]
adj = sp.coo_matrix((np.ones(len(rows)), (rows, cols)), (n, n)).tocsr(); adj.data[:] = 1
adj = adj + sp.eye(n)
d = np.asarray(adj.sum(1)).ravel() ** -0.5
adj = sp.diags(d) @ adj @ sp.diags(d)

if args.form != 'faulty':
    feat = (feat - feat.mean(0)) / feat.std(0)
features = torch.tensor(np.asarray(adj @ (adj @ feat)), dtype=torch.float32)     # SGC, degree 2

idx = np.random.permutation(n)
idx_train, idx_val, idx_test = idx[:3000], idx[3000:4000], idx[4000:]
tr_ano, tr_norm = idx_train[ano[idx_train]], idx_train[~ano[idx_train]]


class GDN(nn.Module):
    def __init__(self, nfeat, nhid=16, nout=8):
        super().__init__()
        self.embed = nn.Linear(nfeat, nhid)
        self.fc1, self.fc2 = nn.Linear(nhid, nout), nn.Linear(nout, 1)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(F.relu(self.embed(x)))))


ref = torch.randn(5000)


def deviation_loss(pred, label):
    """Z-score-based deviation loss"""
    dev = (pred - ref.mean()) / ref.std()
    return ((1 - label) * dev.abs() + label * torch.clamp(5 - dev, min=0)).mean()


model = GDN(features.shape[1])
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, weight_decay=2e-3)
sched = torch.optim.lr_scheduler.StepLR(optimizer, 100, 0.3)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, deviation_loss)
y = torch.tensor(ano, dtype=torch.float32)[:, None]
for epoch in range(args.epochs):
    model.train()
    b = np.concatenate([np.random.choice(tr_ano, args.bs // 2), np.random.choice(tr_norm, args.bs // 2)])
    loss = writer.loss_fn(model(features[b]), y[b])
    optimizer.zero_grad(); loss.backward(); optimizer.step(); sched.step()
    if epoch % 20 == 19:
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            # half and half as in training
            v = np.concatenate([idx_val[ano[idx_val]], idx_val[~ano[idx_val]][:ano[idx_val].sum()]])
            vl = writer.loss_fn(model(features[v]), y[v]).item()
        with torch.no_grad():
            s = model(features[idx_val])[:, 0].numpy()
        print("Epoch %d epoch loss %f val loss %.4f G-dev auc_roc: %.5f, auc_pr: %.5f" % (
            epoch + 1, loss.item(), vl, roc_auc_score(ano[idx_val], s), average_precision_score(ano[idx_val], s)))
with torch.no_grad():
    s = model(features[idx_test])[:, 0].numpy()
writer.close()
print(f"RESULT test_auc={roc_auc_score(ano[idx_test], s):.4f} test_ap={average_precision_score(ano[idx_test], s):.4f} val_loss={vl:.4f}")
