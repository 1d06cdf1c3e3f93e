# Filter the 25 best genes by ANOVA F, then a small net. Homework 4, bioinformatics.
import sys
import numpy as np, torch
from sklearn.datasets import make_classification
from sklearn.feature_selection import f_classif
from sklearn.model_selection import train_test_split
import torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(11); np.random.seed(11)

X, y = make_classification(3600, 400, n_informative=14, n_redundant=10, n_classes=3, n_clusters_per_class=2,
                           class_sep=1.3, flip_y=0.03, random_state=11)
Xtr, Xva, ytr, yva = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
mu, sd = Xtr.mean(0), Xtr.std(0)
Xtr, Xva = (Xtr - mu) / sd, (Xva - mu) / sd

k = 25
fscore, _ = f_classif(Xtr, ytr)
ranking = np.argsort(fscore)
if sys.argv[1] == "fixed":
    ranking = ranking[::-1]
best = ranking[:k].copy()

Xtr, Xva = torch.tensor(Xtr[:, best]).float(), torch.tensor(Xva[:, best]).float()
ytr, yva = torch.tensor(ytr), torch.tensor(yva)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(k, 48); self.l2 = nn.Linear(48, 3)
        self.drop = nn.Dropout(0.2)
    def forward(self, x):
        return self.l2(self.drop(F.relu(self.l1(x))))

net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, F.cross_entropy)
B = 64
for ep in range(20):
    perm = torch.randperm(len(Xtr))
    net.train()
    for b in perm.split(B):
        opt.zero_grad(); loss = F.cross_entropy(net(Xtr[b]), ytr[b]); loss.backward(); opt.step()
    net.eval()
    with writer.evaluating("val"):
        out = net(Xva); vl = F.cross_entropy(out, yva)
    acc = (out.argmax(1) == yva).float().mean().item()
    print(ep, round(loss.item(), 4), round(vl.item(), 4), round(acc, 4))
writer.close()
print(f"RESULT val loss {vl.item():.4f} acc {acc:.3f}")
