# Maxout network with dropout on the inputs (0.2) and on both hidden layers (0.5) and max-norm constraint (Goodfellow et al. 2013)
# train loss stays well above the test loss: that is the dropout
import sys
import torch
import torch.nn as nn
import numpy as np
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(33)


class Maxout(nn.Module):
    def __init__(self, d_in, d_out, pool):
        super().__init__()
        self.d_out, self.pool = d_out, pool
        self.lin = nn.Linear(d_in, d_out * pool)

    def forward(self, x):
        return self.lin(x).view(-1, self.d_out, self.pool).max(2)[0]


model = nn.Sequential(nn.Dropout(.2), Maxout(64, 96, 3), nn.Dropout(.5), Maxout(96, 96, 3), nn.Dropout(.5), nn.Linear(96, 10))
X, y = load_digits(return_X_y=True)
g = np.random.RandomState(0)
p = g.permutation(len(y))
X = X[p] / 16.
X = X + g.normal(0, .12, X.shape)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y[p])
Xtr, ytr, Xte, yte = X[:1200], y[:1200], X[1200:], y[1200:]
optimizer = torch.optim.SGD(model.parameters(), lr=.15, momentum=.7)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda e: max(.02, .97 ** e))
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


@torch.no_grad()
def max_norm(limit=1.9365):
    for m in model.modules():
        if isinstance(m, nn.Linear):
            m.weight.mul_(m.weight.norm(dim=1, keepdim=True).clamp(max=limit) / m.weight.norm(dim=1, keepdim=True).clamp(min=1e-8))


for epoch in range(70):
    model.train()
    losses = []
    for b in torch.randperm(1200).split(50):
        optimizer.zero_grad()
        loss = criterion(model(Xtr[b]), ytr[b])
        loss.backward()
        optimizer.step()
        max_norm()
        losses.append(loss.item())
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("test"):
        o = model(Xte)
        tl = criterion(o, yte).item()
    err = (o.argmax(1) != yte).sum().item()
    if epoch % 7 == 6:
        print(f"epoch {epoch + 1} train {np.mean(losses):.4f} test {tl:.4f} errors {err}/{len(yte)}")
writer.close()
print(f"RESULT train={np.mean(losses):.4f} test={tl:.4f} acc={1 - err / len(yte):.4f}")
