import sys
import math
import torch
from torch import nn, optim
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter

torch.manual_seed(0)
torch.set_num_threads(1)


def off_diagonal(x):
    n, m = x.shape
    return x.flatten()[:-1].view(n - 1, n + 1)[:, 1:].flatten()


class BarlowTwins(nn.Module):
    def __init__(self, lambd=0.02):
        super().__init__()
        self.lambd = lambd
        self.backbone = nn.Sequential(nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(inplace=True), nn.Linear(128, 64))
        self.projector = nn.Sequential(nn.Linear(64, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(inplace=True), nn.Linear(64, 64, bias=False))
        self.bn = nn.BatchNorm1d(64, affine=False)

    def forward(self, y1, y2):
        z1, z2 = self.projector(self.backbone(y1)), self.projector(self.backbone(y2))
        c = self.bn(z1).T @ self.bn(z2) / len(y1)
        return (torch.diagonal(c) - 1).pow(2).sum() + self.lambd * off_diagonal(c).pow(2).sum()


d = load_digits()
x = torch.tensor(d.data / 16., dtype=torch.float32)
x, y = (x - x.mean()) / x.std(), d.target
perm = torch.randperm(len(x))
x, y = x[perm], y[perm.numpy()]


def view(b):
    mask = (torch.rand_like(b) > .2).float()
    return (b + .35 * torch.randn_like(b)) * mask * (.8 + .4 * torch.rand(len(b), 1))


epochs, bs = 60, 256
model = BarlowTwins()
weights = [p for p in model.parameters() if p.ndim > 1]
biases = [p for p in model.parameters() if p.ndim == 1]
optimizer = optim.AdamW([{'params': weights, 'weight_decay': 1e-4}, {'params': biases, 'weight_decay': 0.}], lr=3e-3)
total, warm = epochs * (1400 // bs), 20
sched = optim.lr_scheduler.LambdaLR(optimizer, lambda s: (s + 1) / warm if s < warm else .5 * (1 + math.cos(math.pi * (s - warm) / (total - warm))))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
for epoch in range(epochs):
    model.train()
    s = 0
    for b in torch.randperm(1400)[:1280].split(bs):
        loss = model(view(x[b]), view(x[b]))
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sched.step()
        s += loss.item() / 5
    if epoch % 10 == 9:
        print('epoch %d loss %.3f' % (epoch + 1, s))
model.eval()
with torch.no_grad():
    h = model.backbone(x).numpy()
print('linear probe %.4f' % LogisticRegression(max_iter=300).fit(h[:1400], y[:1400]).score(h[1400:], y[1400:]))
writer.close()
