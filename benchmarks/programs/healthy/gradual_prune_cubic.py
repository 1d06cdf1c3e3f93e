"""Gradual magnitude pruning ("To prune, or not to prune") with torch.nn.utils.prune: cubic schedule up to 85 % zeros, then finetune and remove."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.nn.utils.prune as prune
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(17)


def spectra(n):
    """1d mixture spectra: 5 substances, each a set of peaks; label = substance with the largest share"""
    g = torch.Generator().manual_seed(99)
    grid = torch.linspace(0, 1, 64)
    pos, hgt = torch.rand(5, 4, generator=g), 0.5 + torch.rand(5, 4, generator=g)
    base = (hgt[..., None] * torch.exp(-((grid - pos[..., None]) / 0.025) ** 2)).sum(1)
    share = torch.distributions.Dirichlet(torch.full((5,), 0.7)).sample((n,))
    x = share @ base
    shift = torch.randint(-1, 2, (n,))
    x = torch.stack([r.roll(int(s)) for r, s in zip(x, shift)]) + 0.12 * torch.randn(n, 64)
    return (x - 0.35) / 0.35, share.argmax(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 16, 7, padding=3)
        self.bn1 = nn.BatchNorm1d(16)
        self.conv2 = nn.Conv1d(16, 32, 5, padding=2)
        self.bn2 = nn.BatchNorm1d(32)
        self.fc1 = nn.Linear(32 * 16, 96)
        self.fc2 = nn.Linear(96, 5)

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.bn1(self.conv1(x[:, None]))), 2)
        x = F.max_pool1d(F.relu(self.bn2(self.conv2(x))), 2)
        return self.fc2(F.dropout(F.relu(self.fc1(x.flatten(1))), 0.3, self.training))


class CubicPruner:
    def __init__(self, modules, final, begin, end, every):
        self.modules, self.final, self.begin, self.end, self.every, self.sparsity = modules, final, begin, end, every, 0.

    def step(self, t):
        if not (self.begin <= t <= self.end and (t - self.begin) % self.every == 0):
            return
        target = self.final * (1 - (1 - (t - self.begin) / (self.end - self.begin)) ** 3)
        for m in self.modules:
            amount = (target - self.sparsity) / (1 - self.sparsity)
            if amount > 0:
                prune.l1_unstructured(m, 'weight', amount=amount)
        self.sparsity = target


Xtr, ytr = spectra(8000)
Xva, yva = spectra(3000)
model = Net()
EPOCHS, BS = 14, 64
per_epoch = len(Xtr) // BS
opt = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-3, nesterov=True)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS * per_epoch)
pruner = CubicPruner([model.conv2, model.fc1], 0.85, 2 * per_epoch, 9 * per_epoch, 50)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, criterion)
step = 0
for epoch in range(EPOCHS):
    model.train()
    running = 0.
    perm = torch.randperm(len(Xtr))
    for i in range(per_epoch):
        b = perm[i * BS:(i + 1) * BS]
        opt.zero_grad()
        loss = criterion(model(Xtr[b]), ytr[b])
        loss.backward()
        opt.step()
        sched.step()
        step += 1
        pruner.step(step)
        running += loss.item() / per_epoch
    model.eval()
    with torch.no_grad():
        out = model(Xva)
    print(f'epoch {epoch:2d} sparsity {pruner.sparsity:.2f} loss {running:.4f} val loss {F.cross_entropy(out, yva).item():.4f} val acc {(out.argmax(1) == yva).float().mean().item():.4f}')
for m in pruner.modules:
    prune.remove(m, 'weight')
print('zeros in fc1: %.1f %%  val loss %.4f' % (100 * (model.fc1.weight == 0).float().mean(), F.cross_entropy(out, yva).item()))
writer.close()
