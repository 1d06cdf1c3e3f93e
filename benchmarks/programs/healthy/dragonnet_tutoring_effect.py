import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(12)


def school_data(n, rng):
    prior = rng.normal(0, 1, n)
    income = rng.normal(0, 1, n) + 0.4 * prior
    absences = rng.poisson(4, n)
    age = rng.uniform(11, 16, n)
    motivation = rng.normal(0, 1, n)
    size = rng.normal(26, 4, n)
    x = np.column_stack([prior, income, np.log1p(absences), (age - 13.5) / 1.5, motivation, (size - 26) / 4])
    ps = 1 / (1 + np.exp(-(-0.2 - 0.7 * prior + 0.5 * income + 0.4 * motivation)))
    t = (rng.random(n) < ps).astype(float)
    mu0 = 50 + 7 * prior + 2 * income - 3 * x[:, 2] + 2 * np.sin(2 * motivation)
    tau = 4 + 2 * np.tanh(-prior) + 1.5 * (motivation > 0)
    y = mu0 + t * tau + rng.normal(0, 3, n)
    return x.astype(np.float32), t.astype(np.float32), y.astype(np.float32), tau


class DragonNetBase(nn.Module):
    def __init__(self, input_dim, shared_hidden=64, outcome_hidden=32):
        super().__init__()
        self.fc1 = nn.Linear(input_dim, shared_hidden)
        self.fc2 = nn.Linear(shared_hidden, shared_hidden)
        self.fcz = nn.Linear(shared_hidden, shared_hidden)
        self.treat_out = nn.Linear(shared_hidden, 1)
        head = lambda: nn.Sequential(nn.Linear(shared_hidden, outcome_hidden), nn.ELU(), nn.Linear(outcome_hidden, 1))
        self.y0_out, self.y1_out = head(), head()
        self.epsilon = nn.Linear(1, 1, bias=False)
        nn.init.normal_(self.epsilon.weight, std=0.05)

    def forward(self, inputs):
        z = F.elu(self.fcz(F.elu(self.fc2(F.elu(self.fc1(inputs))))))
        t_pred = torch.sigmoid(self.treat_out(z))
        return self.y0_out(z), self.y1_out(z), t_pred, self.epsilon(torch.ones_like(t_pred))


def dragonnet_loss(y_true, t_true, t_pred, y0, y1, alpha=1.0):
    t_pred = (t_pred + 0.01) / 1.02
    loss_t = F.binary_cross_entropy(t_pred, t_true)
    loss0 = ((1 - t_true) * (y_true - y0) ** 2).mean()
    loss1 = (t_true * (y_true - y1) ** 2).mean()
    return loss0 + loss1 + alpha * loss_t


def tarreg_loss(y_true, t_true, t_pred, y0, y1, eps, alpha=1.0, beta=0.5):
    vanilla = dragonnet_loss(y_true, t_true, t_pred, y0, y1, alpha)
    t_pred = (t_pred + 0.01) / 1.02
    y_pred = t_true * y1 + (1 - t_true) * y0
    h = t_true / t_pred - (1 - t_true) / (1 - t_pred)
    targeted = ((y_true - (y_pred + eps * h)) ** 2).mean()
    return vanilla + beta * targeted


rng = np.random.default_rng(0)
x, t, y, tau = school_data(5000, rng)
n_tr = 3500
ym, ys = y[:n_tr].mean(), y[:n_tr].std()
col = lambda a: torch.tensor(a, dtype=torch.float32).reshape(len(a), -1)
X, T, Y = col(x), col(t), col((y - ym) / ys)
train_dataloader = DataLoader(TensorDataset(X[:n_tr], T[:n_tr], Y[:n_tr]), batch_size=64, shuffle=True)
valid_dataloader = DataLoader(TensorDataset(X[n_tr:], T[n_tr:], Y[n_tr:]), batch_size=500)

model = DragonNetBase(X.shape[1])
epochs = 20
optim = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9, nesterov=True, weight_decay=1e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optim, epochs)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optim)

for epoch in range(epochs):
    model.train()
    for xb, tb, yb in train_dataloader:
        y0, y1, t_pred, eps = model(xb)
        loss = tarreg_loss(yb, tb, t_pred, y0, y1, eps)
        optim.zero_grad()
        loss.backward()
        optim.step()
    sched.step()
    model.eval()
    valid_loss = 0.0
    with torch.no_grad():
        for xb, tb, yb in valid_dataloader:
            y0, y1, t_pred, eps = model(xb)
            valid_loss += tarreg_loss(yb, tb, t_pred, y0, y1, eps).item() / len(valid_dataloader)
    writer.add_loss("val", valid_loss)
    print(f"epoch: {epoch} train_loss: {loss.item():.4f} valid_loss: {valid_loss:.4f}")

with torch.no_grad():
    y0, y1, t_pred, _ = model(X[n_tr:])
cate = ((y1 - y0).squeeze(1) * ys).numpy()
pehe = float(np.sqrt(np.mean((cate - tau[n_tr:]) ** 2)))
naive = y[t == 1].mean() - y[t == 0].mean()
writer.close()
print(f"RESULT pehe={pehe:.3f} ate={cate.mean():.3f} true_ate={tau[n_tr:].mean():.3f} valid_loss={valid_loss:.4f} naive_difference={naive:.3f} constant_true_ate_pehe={tau[n_tr:].std():.3f}")
