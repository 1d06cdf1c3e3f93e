"""ReZero is all you need (Bachlechner et al.): 12 fully connected residual layers without normalisation.

resweight = 0 at the start, so at step 0 the net is a linear model and the layers' own weights get no gradient at all; this
is intended and passes after one step.
"""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)


class ReZeroBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc = nn.Linear(width, width)
        nn.init.kaiming_normal_(self.fc.weight, nonlinearity="relu")
        nn.init.zeros_(self.fc.bias)
        self.resweight = nn.Parameter(torch.Tensor([0]))

    def forward(self, x):
        return x + self.resweight * torch.relu(self.fc(x))


class DeepReZero(nn.Module):
    def __init__(self, n_in, n_out, width=32, depth=12):
        super().__init__()
        self.stem = nn.Linear(n_in, width)
        self.blocks = nn.Sequential(*[ReZeroBlock(width) for _ in range(depth)])
        self.head = nn.Linear(width, n_out)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)))


X, y = make_classification(n_samples=6000, n_features=24, n_informative=10, n_redundant=6, n_classes=4, n_clusters_per_class=3,
                           class_sep=1.4, flip_y=0.08, random_state=4)
Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
mu, sd = Xtr.mean(0), Xtr.std(0)
t = lambda a: torch.tensor((a - mu) / sd, dtype=torch.float32)
Xtr, Xte, ytr, yte = t(Xtr), t(Xte), torch.tensor(ytr), torch.tensor(yte)

model = DeepReZero(24, 4)
crit = nn.CrossEntropyLoss()
EPOCHS, BS = 14, 128
opt = torch.optim.Adagrad(model.parameters(), lr=0.02)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, crit)
sch = torch.optim.lr_scheduler.LambdaLR(opt, lambda e: 1.0 if e < 8 else 0.3 if e < 12 else 0.1)

for ep in range(EPOCHS):
    model.train()
    s = 0
    perm = torch.randperm(len(Xtr))
    for i in range(0, len(Xtr) - BS + 1, BS):
        b = perm[i:i + BS]
        loss = crit(model(Xtr[b]), ytr[b])
        opt.zero_grad(); loss.backward(); opt.step()
        s += loss.item()
    sch.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(Xte)
        vl = crit(out, yte).item()
    acc = (out.argmax(1) == yte).float().mean().item()
    if ep % 5 == 4:
        rw = torch.stack([b.resweight.detach() for b in model.blocks]).abs().mean()
        print(f"epoch {ep+1} train {s / (len(Xtr) // BS):.4f} val {vl:.4f} acc {acc:.4f} |alpha| {rw:.3f}")
writer.close()
print(f"RESULT val_loss={vl:.4f} acc={acc:.4f} train={s / (len(Xtr) // BS):.4f}")
