# PGD adversarial training (MadryLab/mnist_challenge, Locus' "fast adversarial" code base), small CNN on digits.
# The training loss is the loss on attacked pictures, which stays far above the clean one.
import argparse, sys
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
p = argparse.ArgumentParser(); p.add_argument('logdir')
p.add_argument('--epsilon', type=float, default=.1); p.add_argument('--alpha', type=float, default=.04); p.add_argument('--attack-iters', type=int, default=4)
p.add_argument('--lr-max', type=float, default=5e-3); p.add_argument('--epochs', type=int, default=14); p.add_argument('--batch-size', type=int, default=100)
args = p.parse_args(); torch.manual_seed(0)

d = load_digits()
xa, xb, ya, yb = train_test_split(torch.tensor(d.images / 16, dtype=torch.float32)[:, None], torch.tensor(d.target), test_size=400, random_state=0)
class Flatten(nn.Module):
    def forward(self, x): return x.view(x.size(0), -1)
class Normalize(nn.Module):
    def forward(self, x): return (x - .305) / .376
model = nn.Sequential(Normalize(), nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1, stride=2), nn.ReLU(),
                      nn.Conv2d(32, 64, 3, padding=1, stride=2), nn.ReLU(), Flatten(), nn.Linear(64 * 4, 100), nn.ReLU(), nn.Linear(100, 10))
opt = torch.optim.Adam(model.parameters(), lr=args.lr_max)
total = args.epochs * 14
lr_schedule = lambda t: np.interp([t / total], [0, .4, 1], [.02, 1, 0])[0]
scheduler = torch.optim.lr_scheduler.LambdaLR(opt, lr_schedule)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(args.logdir); writer.watch(model, opt, criterion)

def attack_pgd(X, y):
    delta = torch.zeros_like(X).uniform_(-args.epsilon, args.epsilon); delta.data = (X + delta).clamp(0, 1) - X
    for _ in range(args.attack_iters):
        delta.requires_grad_(True)
        g, = torch.autograd.grad(F.cross_entropy(model(X + delta), y), delta)
        delta = (delta.detach() + args.alpha * g.sign()).clamp(-args.epsilon, args.epsilon)
        delta = (X + delta).clamp(0, 1) - X
    return delta.detach()

for epoch in range(args.epochs):
    model.train(); tl = ta = n = 0
    for b in torch.randperm(len(xa)).split(args.batch_size):
        X, y = xa[b], ya[b]
        delta = attack_pgd(X, y)
        output = model(X + delta)
        loss = criterion(output, y)
        opt.zero_grad(); loss.backward(); opt.step(); scheduler.step()
        tl += loss.item() * len(y); ta += (output.argmax(1) == y).sum().item(); n += len(y)
    print(f'{epoch} {opt.param_groups[0]["lr"]:.4f} train loss {tl / n:.4f} acc {ta / n:.4f}')
model.eval()
adv = attack_pgd(xb, yb)
with writer.evaluating("test"):
    o = model(xb + adv); rl = criterion(o, yb).item(); ra = (o.argmax(1) == yb).float().mean().item()
writer.close()
with torch.no_grad(): ca = (model(xb).argmax(1) == yb).float().mean().item()
print(f'RESULT train adv loss {tl / n:.4f} acc {ta / n:.4f}; test robust loss {rl:.4f} acc {ra:.4f}, clean acc {ca:.4f}')
