# Softmax regression on the wine data, full batch, by hand: W and b only, ridge term in the loss.
import sys
import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
X, y = load_wine(return_X_y=True)
Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=0.3, stratify=y, random_state=1)
sc = StandardScaler().fit(Xtr)
Xtr, Xte = sc.transform(Xtr), sc.transform(Xte)
n = len(Xtr)
C = 1.0

xt, yt = torch.tensor(Xtr).float(), torch.tensor(ytr)
xv, yv = torch.tensor(Xte).float(), torch.tensor(yte)


class Softmax(torch.nn.Module):
    def __init__(self, d, k):
        super().__init__()
        # convex problem: starting at zero is fine
        self.W = torch.nn.Parameter(torch.zeros(d, k))
        self.b = torch.nn.Parameter(torch.zeros(k))

    def forward(self, x):
        return x @ self.W + self.b


model = Softmax(13, 3)
opt = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt)

STEPS = 500
for t in range(STEPS):
    opt.zero_grad()
    nll = F.cross_entropy(model(xt), yt)
    loss = nll + model.W.pow(2).sum() / (2 * C * n)
    loss.backward()
    opt.step()
    writer.add_scalar("Loss/train", loss.item(), t)
    if t % 20 == 0 or t == STEPS - 1:
        with torch.no_grad():
            v = F.cross_entropy(model(xv), yv).item()
        writer.add_scalar("Loss/val", v, t)

with torch.no_grad():
    acc = (model(xv).argmax(1) == yv).float().mean().item()
ref = LogisticRegression(C=C, max_iter=5000).fit(Xtr, ytr)
wr = torch.tensor(ref.coef_.T).float()
ref_obj = (F.cross_entropy(xt @ wr + torch.tensor(ref.intercept_).float(), yt) + wr.pow(2).sum() / (2 * C * n)).item()
writer.close()
print(f"RESULT objective {loss.item():.5f} sklearn_objective {ref_obj:.5f} val_nll {v:.4f} acc {acc:.4f} sklearn_acc {ref.score(Xte, yte):.4f}")
