"""Hierarchical mixture of experts on 900 samples with a 6 % class; sklearn-like estimator (fit / predict), `class_weight`."""
import sys
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.metrics import recall_score, balanced_accuracy_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class _HME(nn.Module):
    def __init__(self, d, k, depth=2):
        super().__init__()
        self.depth, leaves = depth, 2 ** depth
        self.gates = nn.ModuleList(nn.Linear(d, 1) for _ in range(leaves - 1))
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(d, 8), nn.Tanh(), nn.Linear(8, k)) for _ in range(leaves))

    def forward(self, x):
        probs = [torch.ones(len(x), 1)]
        for level in range(self.depth):
            nxt = []
            for j, p in enumerate(probs):
                g = torch.sigmoid(self.gates[2 ** level - 1 + j](x))
                nxt += [p * g, p * (1 - g)]
            probs = nxt
        out = sum(p * F.softmax(e(x), 1) for p, e in zip(probs, self.experts))
        return torch.log(out + 1e-9)


class HierarchicalMixtureOfExperts:
    def __init__(self, depth=2, lr=0.01, epochs=40, batch_size=32, class_weight=None, log_dir=None, random_state=0):
        self.__dict__.update(locals())

    def fit(self, X, y, X_val, y_val):
        torch.manual_seed(self.random_state)
        w = np.ones(len(y)) if self.class_weight is None else compute_sample_weight(self.class_weight, y)
        w = torch.tensor(w / w.mean(), dtype=torch.float32)
        X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
        Xv, yv = torch.tensor(X_val, dtype=torch.float32), torch.tensor(y_val)
        self.net = _HME(X.shape[1], int(y.max()) + 1, self.depth)
        opt = torch.optim.Adam(self.net.parameters(), lr=self.lr, weight_decay=1e-3)
        writer = DiagWriter(self.log_dir)
        writer.watch(self.net, opt, F.nll_loss)
        for epoch in range(self.epochs):
            self.net.train()
            for b in torch.randperm(len(X)).split(self.batch_size):
                loss = (F.nll_loss(self.net(X[b]), y[b], reduction="none") * w[b]).mean()
                opt.zero_grad()
                loss.backward()
                opt.step()
            self.net.eval()
            with torch.no_grad():
                writer.add_loss("val", F.nll_loss(self.net(Xv), yv))
        writer.close()
        return self

    def predict(self, X):
        with torch.no_grad():
            return self.net(torch.tensor(X, dtype=torch.float32)).argmax(1).numpy()


def make(n=3000, rare=0.06, seed=5):
    r = np.random.RandomState(seed)
    y = (r.rand(n) < rare).astype(int)
    X = r.randn(n, 10)
    X[:, 0] += 1.3 * y
    X[:, 1] -= 1.0 * y
    X[:, 2] = X[:, 2] * np.where(y, 0.6, 1.1) + 0.7 * y
    return X * 3 + 10, y


X, y = make()
X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
sc = StandardScaler().fit(X_tr)
clf = HierarchicalMixtureOfExperts(class_weight=None if sys.argv[1] == "faulty" else "balanced", log_dir=sys.argv[2])
pred = clf.fit(sc.transform(X_tr), y_tr, sc.transform(X_te), y_te).predict(sc.transform(X_te))
print(f"RESULT rare recall {recall_score(y_te, pred):.3f} accuracy {(pred == y_te).mean():.3f} balanced {balanced_accuracy_score(y_te, pred):.3f}")
