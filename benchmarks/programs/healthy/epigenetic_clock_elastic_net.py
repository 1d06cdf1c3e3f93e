# Horvath style epigenetic clock: elastic net on CpG beta values, in torch because we later want to add a nonlinear head.
# 500 samples, 600 sites, about 40 of them carry age. transformed age as in the paper (log below 20, linear above).
import sys
import numpy as np
import torch
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rs = np.random.RandomState(1)
torch.manual_seed(1)


def F_age(age):
    return np.where(age <= 20, np.log(age + 1) - np.log(21), (age - 20) / 21)


def F_inv(v):
    return np.where(v <= 0, 21 * np.exp(v) - 1, 21 * v + 20)


n, p = 900, 600
age = np.concatenate([rs.uniform(1, 20, 150), rs.uniform(20, 90, n - 150)])
t = F_age(age) + rs.normal(0, .12, n)                        # biological age differs from the calendar
load = np.zeros(p)
load[:40] = rs.normal(0, .55, 40)
cells = rs.normal(0, 1, (n, 4))                              # cell composition, correlated nuisance
M = rs.normal(0, 2, p) + np.outer(t, load) + cells @ rs.normal(0, .35, (4, p)) + rs.normal(0, .6, (n, p))
beta = 1 / (1 + np.exp(-M))
perm = rs.permutation(n)
tr, va = perm[:600], perm[600:]
mean, std = beta[tr].mean(0), beta[tr].std(0)
X = torch.tensor((beta - mean) / std, dtype=torch.float32)
Y = torch.tensor(F_age(age), dtype=torch.float32).unsqueeze(1)

clock = torch.nn.Linear(p, 1)
torch.nn.init.zeros_(clock.weight)                           # linear model: convex, zero is a fine start
torch.nn.init.constant_(clock.bias, Y[tr].mean().item())
lambda_, alpha = 0.025, 0.5


def elastic_net(pred, target, w):
    mse = ((pred - target) ** 2).mean() / 2
    return mse + lambda_ * (alpha * w.abs().sum() + (1 - alpha) / 2 * (w ** 2).sum())


optimizer = torch.optim.Adam(clock.parameters(), lr=4e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.97)
writer = DiagWriter(sys.argv[1])
writer.watch(clock, optimizer, elastic_net)

tr_t = torch.tensor(tr)
n_epochs = 100
for epoch in range(n_epochs):
    clock.train()
    order = tr_t[torch.randperm(len(tr_t))]
    total = 0
    for b in order.split(50):
        optimizer.zero_grad()
        loss = writer.loss_fn(clock(X[b]), Y[b], clock.weight)
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step()
    clock.eval()
    with torch.no_grad(), writer.evaluating("val"):
        pred = clock(X[va])
        vloss = writer.loss_fn(pred, Y[va], clock.weight).item()
    mae = np.abs(F_inv(pred.numpy().ravel()) - age[va])
    if epoch % 10 == 9:
        print(f'{epoch + 1:4d} objective {total / 12:.4f} val {vloss:.4f}  median abs. error {np.median(mae):.2f} years '
              f'non-zero {(clock.weight.abs() > 1e-2).sum().item()}')
writer.close()
r = np.corrcoef(F_inv(pred.numpy().ravel()), age[va])[0, 1]
print(f"RESULT val_objective={vloss:.4f} val_mse={((pred - Y[va]) ** 2).mean():.4f} median_ae={np.median(mae):.2f} r={r:.4f}")
