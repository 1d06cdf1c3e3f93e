"""Which package does this sentence come from?  tf-idf + one hidden layer on the docstrings of the standard library."""
import sys, re, ast, os, sysconfig, glob, random
import torch
from torch import nn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(0); torch.manual_seed(0)

lib = sysconfig.get_paths()["stdlib"]
PACKAGES = ["asyncio", "email", "tkinter", "unittest", "multiprocessing", "http", "importlib", "logging"]
texts, labels = [], []
for k, pkg in enumerate(PACKAGES):
    seen = set()
    for path in sorted(glob.glob(os.path.join(lib, pkg, "**", "*.py"), recursive=True)):
        if os.sep + "test" in path[len(lib):]:
            continue
        try:
            tree = ast.parse(open(path, encoding="utf8").read())
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef, ast.Module)):
                for s in re.split(r"(?<=[.:])\s+", ast.get_docstring(node) or ""):
                    s = s.strip()
                    if len(s) > 25 and s not in seen:
                        seen.add(s)
                        texts.append(s); labels.append(k)
print(len(texts), "sentences", [labels.count(i) for i in range(len(PACKAGES))])

tr_t, va_t, tr_y, va_y = train_test_split(texts, labels, test_size=.2, stratify=labels, random_state=1)
vec = TfidfVectorizer(min_df=3, sublinear_tf=True, stop_words="english", max_features=1500)
Xtr = torch.tensor(vec.fit_transform(tr_t).toarray(), dtype=torch.float32)      # mostly zeros
Xva = torch.tensor(vec.transform(va_t).toarray(), dtype=torch.float32)
tr_y, va_y = torch.tensor(tr_y), torch.tensor(va_y)

net = nn.Sequential(nn.Linear(Xtr.shape[1], 64), nn.ReLU(), nn.Dropout(0.6), nn.Linear(64, len(PACKAGES)))
opt = torch.optim.Adam(net.parameters(), lr=2e-3, weight_decay=2e-4)
loss_fn = nn.CrossEntropyLoss()
w = DiagWriter(sys.argv[1])
w.watch(net, opt, loss_fn)
EPOCHS = 14
for epoch in range(EPOCHS):
    net.train()
    order = torch.randperm(len(Xtr))
    s = n = 0
    for b in order.split(64):
        opt.zero_grad()
        loss = loss_fn(net(Xtr[b]), tr_y[b])
        loss.backward()
        opt.step()
        s += loss.item(); n += 1
    net.eval()
    with torch.no_grad(), w.evaluating("val"):
        o = net(Xva)
        v = loss_fn(o, va_y).item()
    acc = (o.argmax(1) == va_y).float().mean().item()
    print(f"{epoch:2d} {s / n:.3f} {v:.3f} {acc:.3f}")
w.close()
print(f"RESULT train={s / n:.4f} val={v:.4f} acc={acc:.4f}")
