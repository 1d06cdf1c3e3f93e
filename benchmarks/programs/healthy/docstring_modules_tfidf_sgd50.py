"""Which package does this docstring come from? tf-idf rows of length one, linear classifier, plain SGD.
Rows are sparse with tiny entries, so the stable rate is far above 1 (see the 1/L argument in the notes)."""
import sys, inspect, importlib, pkgutil, warnings
import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from tb_lossdiag import DiagWriter

warnings.filterwarnings("ignore")
torch.manual_seed(0); torch.set_num_threads(1)
PK = ["numpy", "scipy.stats", "sklearn", "pandas", "asyncio", "email"]
docs, ys, seen = [], [], set()


def collect(mod, k, prefix):
    for nm, ob in sorted(vars(mod).items()):
        if nm.startswith("_") or not (inspect.isfunction(ob) or inspect.isclass(ob)):
            continue
        if not (getattr(ob, "__module__", "") or "").startswith(prefix.split(".")[0]):
            continue
        for o in [ob] + ([v for kk, v in sorted(vars(ob).items()) if inspect.isfunction(v)] if inspect.isclass(ob) else []):
            d = inspect.getdoc(o)
            if d and len(d) > 60 and d not in seen:
                seen.add(d); docs.append(d[:800]); ys.append(k)


for k, name in enumerate(PK):
    top = importlib.import_module(name); collect(top, k, name)
    for info in pkgutil.iter_modules(top.__path__):
        if info.name.startswith("_") or info.name in ("tests", "conftest", "testing", "f2py", "distutils"):
            continue
        try:
            collect(importlib.import_module(name + "." + info.name), k, name)
        except Exception:
            pass
ys = np.array(ys)
rs = np.random.RandomState(0)
keep = np.concatenate([rs.permutation(np.flatnonzero(ys == k))[:400] for k in range(len(PK))])
rs.shuffle(keep)
docs = [docs[i] for i in keep]; ys = ys[keep]
n = int(.75 * len(ys))
vec = TfidfVectorizer(max_features=4000, sublinear_tf=True, stop_words="english").fit(docs[:n])
Xs, Vs = vec.transform(docs[:n]), vec.transform(docs[n:])
X, V_ = (torch.tensor(a.toarray(), dtype=torch.float32) for a in (Xs, Vs))
y, yv = torch.tensor(ys[:n]), torch.tensor(ys[n:])
print(X.shape, V_.shape, np.bincount(ys))

clf = torch.nn.Linear(X.shape[1], len(PK))
torch.nn.init.zeros_(clf.weight)
lr = 100.0
opt = torch.optim.SGD(clf.parameters(), lr=lr)
sched = torch.optim.lr_scheduler.PolynomialLR(opt, total_iters=1500, power=1.0)
loss_fn = torch.nn.CrossEntropyLoss()
w = DiagWriter(sys.argv[1]); w.watch(clf, opt, loss_fn)
for step in range(1500):
    i = torch.randint(n, (64,))
    loss = loss_fn(clf(X[i]), y[i])
    opt.zero_grad(); loss.backward(); opt.step(); sched.step()
    if step % 75 == 74:
        with w.evaluating("val"):
            o = clf(V_); v = loss_fn(o, yv).item()
        print(step + 1, round(v, 4))
w.close()
best = min(log_loss(ys[n:], LogisticRegression(C=c, max_iter=2000).fit(Xs, ys[:n]).predict_proba(Vs)) for c in (3, 10, 30, 100))
print("RESULT val_loss", round(v, 4), "acc", round((o.argmax(1) == yv).float().mean().item(), 4), "sklearn_best_C", round(best, 4))
