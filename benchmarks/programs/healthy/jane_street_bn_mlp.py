# "Jane Street Market Prediction" public kernel style: deep MLP with batch norm, dropout and SiLU on nearly random targets,
# batch 4096, Adam, label smoothing 1e-2, OneCycle. AUC .62 is about what there is to find.
import sys, time
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import TensorDataset, DataLoader
from torch.nn.modules.loss import _WeightedLoss
from sklearn.metrics import roc_auc_score, log_loss
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(2021); rs = np.random.RandomState(2021)

N, D = 110000, 40
beta = rs.normal(0, 1, (D, 6)) / np.sqrt(D)
X = rs.standard_t(6, (N, D)).astype("float32"); X /= X.std(0)
h = np.tanh(X @ beta * 1.5)
signal = h @ np.array([.35, -.3, .3, .25, -.25, .2]) + .3 * h[:, 0] * h[:, 1]
p_true = 1 / (1 + np.exp(-signal))
y = (rs.rand(N) < p_true).astype("float32")
tr, va = np.arange(0, 90000), np.arange(91000, N)       # purged gap


class SmoothBCEwLogits(_WeightedLoss):
    def __init__(self, smoothing=0.0):
        super().__init__(); self.smoothing = smoothing
    def forward(self, inputs, targets):
        with torch.no_grad():
            targets = targets * (1.0 - self.smoothing) + 0.5 * self.smoothing
        return F.binary_cross_entropy_with_logits(inputs, targets)


class Model(nn.Module):
    def __init__(self, hidden=128):
        super().__init__()
        self.batch_norm0 = nn.BatchNorm1d(D); self.dropout0 = nn.Dropout(0.1)
        dims = [D, hidden, hidden, hidden, hidden]
        self.denses = nn.ModuleList(nn.Linear(a, b) for a, b in zip(dims, dims[1:]))
        self.bns = nn.ModuleList(nn.BatchNorm1d(b) for b in dims[1:])
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(hidden, 1)
    def forward(self, x):
        x = self.dropout0(self.batch_norm0(x))
        for i, (d, b) in enumerate(zip(self.denses, self.bns)):
            z = self.drop(F.silu(b(d(x))))
            x = z if i == 0 else x + z
        return self.out(x).squeeze(-1)


train_loader = DataLoader(TensorDataset(torch.tensor(X[tr]), torch.tensor(y[tr])), batch_size=2048, shuffle=True)
valid_loader = DataLoader(TensorDataset(torch.tensor(X[va]), torch.tensor(y[va])), batch_size=8192)
EPOCHS = 10
model = Model()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-5)
scheduler = OneCycleLR(optimizer, max_lr=5e-3, epochs=EPOCHS, steps_per_epoch=len(train_loader), pct_start=0.1)
loss_fn = SmoothBCEwLogits(smoothing=0.01)
w = DiagWriter(sys.argv[1]); w.watch(model, optimizer, loss_fn)
for ep in range(EPOCHS):
    model.train(); tl = 0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb); loss.backward()
        optimizer.step(); scheduler.step()
        tl += loss.item() / len(train_loader)
    with w.evaluating("val"):
        preds, vl = [], 0
        for xb, yb in valid_loader:
            o = model(xb); vl += loss_fn(o, yb).item() * len(xb) / len(va); preds.append(o.sigmoid())
    preds = torch.cat(preds).numpy()
    print(ep, f"train {tl:.4f} val {vl:.4f} auc {roc_auc_score(y[va], preds):.4f}")
w.close()
print(f"RESULT train {tl:.4f} val {vl:.4f} logloss {log_loss(y[va], preds.astype('float64')):.4f} bayes {log_loss(y[va], p_true[va]):.4f} auc {roc_auc_score(y[va], preds):.4f} bayes_auc {roc_auc_score(y[va], p_true[va]):.4f}")
