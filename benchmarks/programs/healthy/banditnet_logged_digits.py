import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

SEED = 1
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)


class Logger:
    """Turns a supervised set into logged bandit feedback with a weak stochastic policy."""

    def __init__(self, X, y, fraction=0.04, replays=8):
        n = int(fraction * len(X))
        self.clf = LogisticRegression(C=0.05, max_iter=500).fit(X[:n], y[:n])
        p = self.clf.predict_proba(X)
        full = np.full((len(X), 10), 1e-6)
        full[:, self.clf.classes_] = p
        p = 0.8 * full / full.sum(1, keepdims=True) + 0.02
        self.accuracy = (p * np.eye(10)[y]).sum(1).mean()
        rows = np.repeat(np.arange(len(X)), replays)
        acts = np.array([np.random.choice(10, p=p[i] / p[i].sum()) for i in rows])
        self.x = torch.tensor(X[rows], dtype=torch.float32)
        self.a = torch.tensor(acts)
        self.prop = torch.tensor(p[rows, acts], dtype=torch.float32)
        self.delta = torch.tensor(-(acts == y[rows]).astype(np.float32))


class PolicyNet(nn.Module):
    def __init__(self, d_in, hidden):
        super().__init__()
        self.fc1 = nn.Linear(d_in, hidden)
        self.fc2 = nn.Linear(hidden, 10)

    def forward(self, x):
        return torch.log_softmax(self.fc2(torch.tanh(self.fc1(x))), dim=1)


def lagrangian_ips(logp, action, propensity, delta, lam):
    w = torch.exp(logp.gather(1, action[:, None]).squeeze(1)) / propensity
    return ((delta - lam) * w).mean()


def snips(logp, action, propensity, delta):
    w = torch.exp(logp.gather(1, action[:, None]).squeeze(1)) / propensity
    return ((delta * w).sum() / w.sum()).item()


digits = load_digits()
Xtr, Xte, ytr, yte = train_test_split(digits.data, digits.target, test_size=400, random_state=SEED, stratify=digits.target)
Xtr, Xva, ytr, yva = train_test_split(Xtr, ytr, test_size=250, random_state=SEED, stratify=ytr)
sc = StandardScaler().fit(Xtr)
Xtr, Xva, Xte = sc.transform(Xtr), sc.transform(Xva), sc.transform(Xte)
log = Logger(Xtr, ytr)
np.random.seed(SEED + 1)
val_log = Logger(Xva, yva, fraction=0.3, replays=8)

lam = -0.9
epochs = 14
net = PolicyNet(64, 64)
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-5)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda e: 0.9 ** (e * 14 / epochs))
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt)
xt, yt = torch.tensor(Xte, dtype=torch.float32), torch.tensor(yte)

for epoch in range(epochs):
    net.train()
    order = torch.randperm(len(log.x))
    for k in range(0, len(order), 64):
        b = order[k:k + 64]
        opt.zero_grad()
        risk = lagrangian_ips(net(log.x[b]), log.a[b], log.prop[b], log.delta[b], lam)
        risk.backward()
        opt.step()
    sched.step()
    net.eval()
    with torch.no_grad():
        lp = net(val_log.x)
        v = lagrangian_ips(lp, val_log.a, val_log.prop, val_log.delta, lam)
        writer.add_loss("val", v)
        acc = (net(xt).argmax(1) == yt).float().mean().item()
    print(f"epoch {epoch} val risk {v.item():.4f} snips {snips(lp, val_log.a, val_log.prop, val_log.delta):.4f} test acc {acc:.4f}")
with torch.no_grad():
    expected = torch.exp(net(xt)).gather(1, yt[:, None]).mean().item()
writer.close()
sup = LogisticRegression(max_iter=2000).fit(Xtr, ytr).score(Xte, yte)
print(f"RESULT test_acc={acc:.4f} expected_reward={expected:.4f} val_risk={v.item():.4f} logging_policy={log.accuracy:.4f} supervised_logreg={sup:.4f}")
