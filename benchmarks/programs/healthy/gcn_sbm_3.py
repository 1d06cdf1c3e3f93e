"""Kipf & Welling GCN, semi-supervised: few labelled nodes, dropout .5, weight decay 5e-4, full batch."""
import sys
import torch, torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(1)
N, C, D = 700, 5, 200
LR = 0.01
lab = torch.randint(0, C, (N,))
P = torch.where(lab[:, None] == lab[None], .03, .004)
A = torch.bernoulli(P).triu(1); A = A + A.T + torch.eye(N)
dinv = A.sum(1).rsqrt()
Ahat = dinv[:, None] * A * dinv[None]
topic = torch.rand(C, D) < .12
X = torch.bernoulli(torch.where(topic[lab], .10, .03))
X = X / X.sum(1, keepdim=True).clamp(min=1)
perm = torch.randperm(N)
tr = torch.cat([(lab == c).nonzero()[:20, 0] for c in range(C)])
rest = perm[~torch.isin(perm, tr)]
va, te = rest[:250], rest[250:]


class GCN(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.w1, self.w2 = nn.Linear(D, hidden, bias=False), nn.Linear(hidden, C, bias=False)
        self.b1, self.b2 = nn.Parameter(torch.zeros(hidden)), nn.Parameter(torch.zeros(C))

    def forward(self, x, adj):
        h = F.relu(adj @ self.w1(F.dropout(x, .5, self.training)) + self.b1)
        return adj @ self.w2(F.dropout(h, .5, self.training)) + self.b2


model = GCN()
opt = torch.optim.Adam([{"params": [model.w1.weight, model.b1], "weight_decay": 5e-4}, {"params": [model.w2.weight, model.b2], "weight_decay": 0}], lr=LR)
crit = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, crit)
for epoch in range(300):
    model.train()
    opt.zero_grad()
    loss = crit(model(X, Ahat)[tr], lab[tr])
    loss.backward()
    opt.step()
    if epoch % 10 == 9:
        with writer.evaluating("val"):
            o = model(X, Ahat)
            v = crit(o[va], lab[va]).item()
acc = (o.argmax(1) == lab)
print(f"train {loss.item():.3f} val {v:.3f} acc val {acc[va].float().mean():.3f} test {acc[te].float().mean():.3f}")
writer.close()
