"""Will the client subscribe a term deposit?  about 6 % yes, fewer than in UCI bank-full. Weights are not used on purpose: we want
calibrated probabilities for the call centre (ranking by AUC), not accuracy."""
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from sklearn.compose import ColumnTransformer
from sklearn.metrics import roc_auc_score, brier_score_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.default_rng(2014)
torch.manual_seed(2014)


def bank(n=12000):
    job = rng.choice(['admin', 'blue-collar', 'technician', 'management', 'retired', 'student', 'services'], n, p=[.15, .24, .18, .22, .07, .03, .11])
    age = np.where(job == 'retired', rng.normal(63, 7, n), np.where(job == 'student', rng.normal(25, 4, n), rng.normal(40, 9, n))).clip(18, 90)
    balance = np.sinh(rng.normal(1.2, 1, n)) * 400
    housing, loan = rng.random(n) < .56, rng.random(n) < .16
    contact = rng.choice(['cellular', 'telephone', 'unknown'], n, p=[.65, .06, .29])
    month = rng.choice(['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'], n,
                       p=[.03, .06, .01, .07, .31, .12, .15, .14, .01, .02, .07, .01])
    campaign = rng.geometric(.36, n)
    pout = rng.choice(['unknown', 'failure', 'other', 'success'], n, p=[.82, .11, .04, .03])
    bump = pd.Series(month).map(dict(mar=1.7, sep=1.4, oct=1.3, dec=1.3, apr=.5, may=-.5)).fillna(0).values
    lo = -2.3 + bump + 2.2 * (pout == 'success') - .8 * housing - .4 * loan - .13 * (campaign - 1) + .5 * (job == 'student') \
        + .0009 * (age - 42) ** 2 - .9 * (contact == 'unknown') + .08 * np.arcsinh(balance / 400)
    y = rng.random(n) < 1 / (1 + np.exp(-lo))
    df = pd.DataFrame(dict(age=age.round(), job=job, balance=balance.round(), housing=housing, loan=loan, contact=contact, month=month,
                           campaign=campaign, poutcome=pout))
    return df, y.astype(np.float32), lo


X, y, lo = bank()
X_tr, X_va, y_tr, y_va, _, lo_va = train_test_split(X, y, lo, test_size=.25, stratify=y, random_state=0)
ct = ColumnTransformer([('num', QuantileTransformer(n_quantiles=200, output_distribution='normal'), ['age', 'balance', 'campaign']),
                        ('cat', OneHotEncoder(sparse_output=False), ['job', 'housing', 'loan', 'contact', 'month', 'poutcome'])])
X_tr = torch.tensor(ct.fit_transform(X_tr), dtype=torch.float32).clamp(-3, 3)
X_va = torch.tensor(ct.transform(X_va), dtype=torch.float32).clamp(-3, 3)
y_tr, y_va = torch.tensor(y_tr), torch.tensor(y_va)
print('positives: %.3f train, %.3f valid' % (y_tr.mean(), y_va.mean()))
loader = DataLoader(TensorDataset(X_tr, y_tr), batch_size=256, shuffle=True, drop_last=True)

mlp = nn.Sequential(nn.Linear(X_tr.shape[1], 48), nn.LeakyReLU(.1), nn.Dropout(.3), nn.Linear(48, 1), nn.Flatten(0))
loss_fn = nn.BCEWithLogitsLoss()
opt = torch.optim.AdamW(mlp.parameters(), lr=4e-3, weight_decay=.05)
writer = DiagWriter(sys.argv[1])
writer.watch(mlp, opt, loss_fn)

N_EPOCHS = 20
for ep in range(N_EPOCHS):
    mlp.train()
    for xb, yb in loader:
        loss = loss_fn(mlp(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
    mlp.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            logit = mlp(X_va)
            vl = loss_fn(logit, y_va)
    p = logit.sigmoid().numpy()
    print(f"{ep:2d}: val logloss {vl:.4f}  auc {roc_auc_score(y_va, p):.4f}  brier {brier_score_loss(y_va, p):.4f}")
writer.close()
true = nn.functional.binary_cross_entropy_with_logits(torch.tensor(lo_va, dtype=torch.float32), y_va)
print(f"RESULT val_loss={vl:.4f} true_model={true:.4f} auc={roc_auc_score(y_va, p):.4f} true_auc={roc_auc_score(y_va, lo_va):.4f}")
