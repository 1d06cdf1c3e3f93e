"""Linear regression with the Huber loss on the diabetes data (442 patients), standardised target.

About half of the variance cannot be explained by these ten measurements, so the loss soon levels off."""
import sys
import torch
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
logdir = sys.argv[-1]
LR = float(sys.argv[1]) if len(sys.argv) > 2 else 0.02

X, y = load_diabetes(return_X_y=True, scaled=False)
Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=0.3, random_state=5)
m, s = Xtr.mean(0), Xtr.std(0)
ym, ys = ytr.mean(), ytr.std()
f = lambda A: torch.tensor((A - m) / s, dtype=torch.float32)
g = lambda v: torch.tensor((v - ym) / ys, dtype=torch.float32)[:, None]
Xtr_t, Xte_t, ytr_t, yte_t = f(Xtr), f(Xte), g(ytr), g(yte)

model = torch.nn.Linear(10, 1)
loss_fn = torch.nn.HuberLoss(delta=1.0)
opt = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9)
sched = torch.optim.lr_scheduler.LinearLR(opt, 1.0, 0.05, total_iters=60)
writer = DiagWriter(logdir)
writer.watch(model, opt, loss_fn)

loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(Xtr_t, ytr_t), batch_size=32, shuffle=True, drop_last=True)
for epoch in range(60):
    for xb, yb in loader:
        opt.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        opt.step()
    sched.step()
    with writer.evaluating("val"):
        pred = model(Xte_t)
        vl = loss_fn(pred, yte_t).item()
writer.close()
r2 = 1 - ((pred - yte_t) ** 2).sum().item() / ((yte_t - yte_t.mean()) ** 2).sum().item()
ridge = RidgeCV([0.1, 1, 10, 30]).fit(Xtr_t.numpy(), ytr_t.numpy().ravel())
print(f"RESULT val_huber {vl:.4f} r2 {r2:.4f} ridge_r2 {ridge.score(Xte_t.numpy(), yte_t.numpy().ravel()):.4f}")
