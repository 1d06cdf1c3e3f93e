"""MC dropout regression (yaringal/DropoutUncertaintyExps): one hidden layer of 50, dropout .05, L2 from the prior length scale, test RMSE and log likelihood."""
import sys, math
import numpy as np
import torch, torch.nn as nn
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); np.random.seed(1); torch.manual_seed(1)

# concrete strength: cement, slag, ash, water, plasticiser, coarse, fine, age -> MPa
n = 1030
cem, slag, ash = np.random.gamma(7, 40, n).clip(100, 540), np.where(np.random.rand(n) < .45, 0, np.random.uniform(20, 350, n)), np.where(np.random.rand(n) < .55, 0, np.random.uniform(60, 200, n))
water, sp = np.random.normal(181, 21, n).clip(122, 247), np.where(np.random.rand(n) < .37, 0, np.random.gamma(3, 3.3, n))
coarse, fine = np.random.normal(973, 78, n), np.random.normal(773, 80, n)
age = np.random.choice([3, 7, 14, 28, 56, 90, 180, 365], n, p=[.13, .13, .06, .41, .09, .07, .06, .05])
binder = cem + .7 * slag + .45 * ash
y = 14. * (binder / water) ** 1.25 * (.35 + .19 * np.log(age)) * (1 + .006 * sp) - .012 * (coarse - 973) + np.random.normal(0, 4.2, n)
X = np.stack([cem, slag, ash, water, sp, coarse, fine, age.astype(float)], 1)
Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=.2, random_state=0)
m, s, my, sy = Xtr.mean(0), Xtr.std(0), ytr.mean(), ytr.std()
f = lambda a: torch.tensor(a, dtype=torch.float32)
Xtr, Xte, Ttr, Tte = f((Xtr - m) / s), f((Xte - m) / s), f((ytr - my) / sy)[:, None], f((yte - my) / sy)[:, None]

class net(nn.Module):
    def __init__(self, d, n_hidden=50, dropout=0.05):
        super().__init__()
        self.model = nn.Sequential(nn.Dropout(dropout), nn.Linear(d, n_hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(n_hidden, 1))
    def forward(self, x): return self.model(x)

tau, lengthscale, dropout, N = .15 * sy ** 2 / 5, 1e-1, 0.05, len(Xtr)
reg = lengthscale ** 2 * (1 - dropout) / (2. * N * tau)
model = net(8)
opt = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=2 * reg)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[1]); writer.watch(model, opt, mse)
n_epochs = 110
for ep in range(n_epochs):
    model.train(); tl = 0
    for b in torch.randperm(N).split(32):
        opt.zero_grad(); loss = mse(model(Xtr[b]), Ttr[b]); loss.backward(); opt.step(); tl += loss.item() * len(b) / N
    if ep % 10 == 9:
        model.eval()
        with writer.evaluating("test"): te = mse(model(Xte), Tte).item()
        print(ep + 1, f'{tl:.4f} {te:.4f}')
writer.close()
model.train()
with torch.no_grad(): Y = torch.stack([model(Xte) for _ in range(200)])[..., 0].numpy() * sy + my
rmse = np.sqrt(((Y.mean(0) - yte) ** 2).mean())
print(f'RESULT train {tl:.4f} test {te:.4f} MC rmse {rmse:.3f} MPa (noise 4.2, sd {sy:.1f})')
