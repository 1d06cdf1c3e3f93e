import argparse, torch, torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter
p = argparse.ArgumentParser(); p.add_argument("form"); p.add_argument("logdir"); p.add_argument("--epochs", type=int, default=80); a = p.parse_args()
torch.manual_seed(0); torch.set_num_threads(1)
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=.3, random_state=42)
if a.form == "fixed":
    mu, sd = X_train.mean(0), X_train.std(0)
    X_train, X_test = (X_train - mu) / sd, (X_test - mu) / sd
T = lambda v: torch.tensor(v, dtype=torch.float32)
X_train, X_test, y_train, y_test = T(X_train), T(X_test), T(y_train)[:, None], T(y_test)[:, None]
model = nn.Sequential(nn.Linear(30, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))
loss_fn = nn.BCEWithLogitsLoss(); opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=.9)
wr = DiagWriter(a.logdir); wr.watch(model, opt, loss_fn)
for e in range(a.epochs):
    idx = torch.randperm(len(X_train))
    for c in idx.split(16):
        opt.zero_grad(); loss = loss_fn(model(X_train[c]), y_train[c]); loss.backward(); opt.step()
    with wr.evaluating("val"):
        o = model(X_test); v = loss_fn(o, y_test)
    acc = ((o > 0).float() == y_test).float().mean().item()
    if e % 10 == 0: print(e, loss.item(), v.item(), acc)
wr.close(); print("RESULT test_acc %.4f test_loss %.4f" % (acc, v))
