"""
Deep learning from crowds (Rodrigues & Pereira 2018): the net predicts the hidden class, a "crowd layer" on top models every annotator.
12 annotators of very different quality, each labelled about a fifth of the items; the training loss is that of the annotators' labels,
so it can't get anywhere near zero, while the base net itself is a good classifier of the true classes.
"""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.RandomState(5)
torch.manual_seed(5)

N_CLASSES, N_ANNOT, MISSING = 10, 12, -1
d = load_digits()
perm = rng.permutation(len(d.target))
X, y = torch.tensor(d.data[perm] / 16.).float(), d.target[perm]

# annotators: some careful, some sloppy, one confuses 3/8 and 1/7 always, one is a spammer
reliab = np.array([.95, .9, .9, .85, .8, .75, .7, .65, .6, .5, .8, .1])
answers = np.full((len(y), N_ANNOT), MISSING)
for a in range(N_ANNOT):
    who = rng.rand(len(y)) < .22
    lab = np.where(rng.rand(len(y)) < reliab[a], y, rng.randint(0, N_CLASSES, len(y)))
    if a == 10:
        lab = np.array([{3: 8, 8: 3, 1: 7, 7: 1}.get(v, v) for v in lab])
    answers[who, a] = lab[who]
answers = torch.tensor(answers)
n = 1400
print("labels per training item: %.2f, right: %.3f" % ((answers[:n] >= 0).sum(1).float().mean(),
      (answers[:n] == torch.tensor(y[:n])[:, None]).sum().item() / (answers[:n] >= 0).sum().item()))


class CrowdLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.base = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Dropout(.5), nn.Linear(96, N_CLASSES))
        self.kernel = nn.Parameter(torch.eye(N_CLASSES).repeat(N_ANNOT, 1, 1))      # identities, as in the paper

    def forward(self, x):
        p = self.base(x).softmax(-1)
        return torch.einsum("bc,ack->bak", p, self.kernel)                          # scores per annotator


class MaskedMultiCrossEntropy(nn.Module):
    def forward(self, out, ans):
        return nn.functional.cross_entropy(out.flatten(0, 1), ans.flatten(), ignore_index=MISSING)


model = CrowdLayer()
loss_fn = MaskedMultiCrossEntropy()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)

for epoch in range(30):
    model.train()
    run = 0.
    for b in torch.randperm(n).split(64):
        loss = loss_fn(model(X[b]), answers[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run += loss.item() * len(b)
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        val = loss_fn(model(X[n:]), answers[n:]).item()
        acc = (model.base(X[n:]).argmax(1).numpy() == y[n:]).mean()
    if epoch % 3 == 2:
        print(f"epoch {epoch + 1} crowd loss train {run / n:.4f} val {val:.4f}; accuracy against the truth {acc:.4f}")
writer.close()
print(f"RESULT val_loss={val:.4f} true_acc={acc:.4f}")
