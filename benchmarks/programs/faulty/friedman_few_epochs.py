import sys, torch, torch.nn as nn
from sklearn.datasets import make_friedman1
from tb_lossdiag import DiagWriter
# regression homework: EPOCHS left at the debugging value
MODE, LOGDIR = sys.argv[1:]
EPOCHS = 4 if MODE == "faulty" else 40
torch.set_num_threads(1); torch.manual_seed(0)
X, y = make_friedman1(4000, n_features=12, noise=0.3, random_state=0)
X = torch.tensor(X, dtype=torch.float32) * 2 - 1
y = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32)[:, None]
Xt, yt, Xv, yv = X[:3200], y[:3200], X[3200:], y[3200:]


def train(model, epochs):
    opt, loss_fn = torch.optim.Adam(model.parameters(), lr=5e-4), nn.MSELoss()
    writer = DiagWriter(LOGDIR)
    writer.watch(model, opt, loss_fn)
    for e in range(epochs):
        for b in torch.randperm(3200).split(32):
            opt.zero_grad()
            loss = loss_fn(model(Xt[b]), yt[b])
            loss.backward()
            opt.step()
        with writer.evaluating("val"):
            v = loss_fn(model(Xv), yv).item()
        print(f"epoch {e} train {loss.item():.4f} val {v:.4f}")
    writer.close()


train(nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)), EPOCHS)
