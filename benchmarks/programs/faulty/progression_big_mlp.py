"""Diabetes progression, notebook port."""
import sys, torch, torch.nn as nn
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter
torch.manual_seed(7); torch.set_num_threads(1); form, logdir = sys.argv[1:3]
X, y = load_diabetes(return_X_y=True); X = X / X.std(0); 
Xa, Xb, ya, yb = train_test_split(X, y, test_size=.3, random_state=7)
m, s = ya.mean(), ya.std()
Xa, Xb, ya, yb = [torch.tensor(v, dtype=torch.float32) for v in (Xa, Xb, (ya - m) / s, (yb - m) / s)]
H, EPOCHS, WD = (256, 50, 0.) if form == "faulty" else (256, 6, 0.)
model = nn.Sequential(nn.Linear(10, H), nn.ReLU(), nn.Linear(H, H), nn.ReLU(), nn.Linear(H, 1))
opt = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=WD); mse = nn.MSELoss()
w = DiagWriter(logdir); w.watch(model, opt, mse)
for e in range(EPOCHS):
    tot = 0
    for b in torch.randperm(len(Xa)).split(16):
        opt.zero_grad(); l = mse(model(Xa[b])[:, 0], ya[b]); l.backward(); opt.step(); tot += l.item() * len(b)
    with w.evaluating("val"): v = mse(model(Xb)[:, 0], yb)
    w.add_scalar("Loss/train", tot / len(Xa), e); w.add_scalar("Loss/val", v.item(), e)
w.close(); print("RESULT val_mse %.4f r2 %.4f" % (v, 1 - v / yb.var()))
