"""Neural Additive Model (Agarwal et al. 2020) for credit approval: one little network per feature, ExU units,
feature dropout, output penalty. lr 0.02 with decay 0.995 a epoch as in the authors' code."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.RandomState(0)

NAMES = ['duration', 'amount', 'rate', 'residence', 'age', 'credits', 'savings', 'employment']
n = 5000
Z = rng.multivariate_normal(np.zeros(8), .3 * np.ones((8, 8)) + .7 * np.eye(8), n)
U = np.argsort(np.argsort(Z, 0), 0) / (n - 1) * 2 - 1                    # uniform in [-1, 1], correlated
logit = 1.4 * np.sin(2.5 * U[:, 0]) - 1.2 * np.maximum(U[:, 1] - .3, 0) * 3 + .8 * (U[:, 4] > 0) - .9 * U[:, 4] ** 2 + .7 * U[:, 6] \
    + .5 * np.abs(U[:, 7]) + .3 + .4 * U[:, 2] * U[:, 0]
Y = (rng.rand(n) < 1 / (1 + np.exp(-logit))).astype(np.float32)
X = torch.tensor(U, dtype=torch.float32)
Y = torch.tensor(Y)
tr, va, te = torch.arange(0, 3500), torch.arange(3500, 4200), torch.arange(4200, n)


class ExU(nn.Module):
    def __init__(self, units):
        super().__init__()
        self.w = nn.Parameter(torch.empty(1, units))
        self.b = nn.Parameter(torch.empty(1))
        nn.init.trunc_normal_(self.w, 1.5, .5)
        nn.init.trunc_normal_(self.b, 0, .5)

    def forward(self, x):
        return ((x - self.b) @ torch.exp(self.w)).clamp(0, 1)            # ReLU-n with n = 1


class FeatureNN(nn.Module):
    def __init__(self, units=48):
        super().__init__()
        self.exu, self.drop = ExU(units), nn.Dropout(.2)
        self.h, self.out = nn.Linear(units, 16), nn.Linear(16, 1, bias=False)

    def forward(self, x):
        return self.out(self.drop(F.relu(self.h(self.drop(self.exu(x))))))


class NAM(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.nets = nn.ModuleList(FeatureNN() for _ in range(k))
        self.bias = nn.Parameter(torch.zeros(1))
        self.feature_dropout = nn.Dropout(.1)

    def forward(self, x):
        parts = torch.cat([net(x[:, i:i + 1]) for i, net in enumerate(self.nets)], 1)
        return self.feature_dropout(parts).sum(1) + self.bias, parts


def penalized_loss(out, y, output_reg=.005):
    logits, parts = out
    return F.binary_cross_entropy_with_logits(logits, y) + output_reg * parts.square().mean()


model = NAM(8)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-6)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.93)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, penalized_loss)

EPOCHS = 30
for epoch in range(EPOCHS):
    model.train()
    for b in tr[torch.randperm(len(tr))].split(128):
        optimizer.zero_grad()
        loss = writer.loss_fn(model(X[b]), Y[b])
        loss.backward()
        optimizer.step()
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(X[va])
        v = writer.loss_fn(out, Y[va]).item()
    if epoch % 3 == 2:
        print(f"epoch {epoch + 1} val {v:.4f} auc {roc_auc_score(Y[va], out[0]):.4f}")
with torch.no_grad(), writer.evaluating("test"):
    out = model(X[te])
    t = writer.loss_fn(out, Y[te]).item()
writer.close()
lt = torch.tensor(logit[te.numpy()], dtype=torch.float32)
print(f"RESULT val_loss={v:.4f} test_loss={t:.4f} test_auc={roc_auc_score(Y[te], out[0]):.4f} truth_loss={F.binary_cross_entropy_with_logits(lt, Y[te]):.4f} truth_auc={roc_auc_score(Y[te], lt):.4f}")
