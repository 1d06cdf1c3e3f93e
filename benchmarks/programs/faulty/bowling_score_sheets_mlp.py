# Digit classifier for the score sheets of our bowling club, Kaggle style.  argv: faulty|fixed logdir
import sys, torch
import torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class CFG:
    form = sys.argv[1]
    logdir = sys.argv[2]
    seed = 42
    epochs = 30
    bs = 64
    lr = 1e-3
    weight_decay = 5e-2 if form == "faulty" else 5e-4


torch.manual_seed(CFG.seed)
X, y = load_digits(return_X_y=True)
X_tr, X_va, y_tr, y_va = train_test_split(X, y, test_size=.3, random_state=CFG.seed, stratify=y)
sc = StandardScaler().fit(X_tr)
X_tr, X_va = [torch.tensor(sc.transform(a), dtype=torch.float32) for a in (X_tr, X_va)]
y_tr, y_va = torch.tensor(y_tr), torch.tensor(y_va)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(64, 128)
        self.l2 = nn.Linear(128, 128)
        self.l3 = nn.Linear(128, 64)
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.l1(x))
        x = F.relu(self.l2(x))
        x = F.relu(self.l3(x))
        return self.out(x)


model = Net()
opt = torch.optim.Adam(model.parameters(), lr=CFG.lr, weight_decay=CFG.weight_decay)
crit = nn.CrossEntropyLoss()
writer = DiagWriter(CFG.logdir)
writer.watch(model, opt, crit)
best = 0
for ep in range(CFG.epochs):
    model.train()
    p = torch.randperm(len(y_tr)); run = 0
    for i in range(0, len(p), CFG.bs):
        idx = p[i:i + CFG.bs]
        opt.zero_grad()
        loss = crit(model(X_tr[idx]), y_tr[idx])
        loss.backward(); opt.step(); run += loss.item()
    with writer.evaluating("val"):
        out = model(X_va)
        vl = crit(out, y_va).item()
    acc = (out.argmax(1) == y_va).float().mean().item()
    best = max(best, acc)
    if ep % 5 == 4: print(f"ep {ep} train {run / (len(p) / CFG.bs):.4f} val {vl:.4f} acc {acc:.4f}")
writer.close()
print(f"RESULT val_loss {vl:.4f} val_accuracy {acc:.4f}")
