# "Accurate, Large Minibatch SGD": batch 2048 with lr 0.1 * 2048/256, five warm-up epochs, momentum .9, wd 1e-4 (not on BN), zero-init last gamma
# in each residual branch, step decay. Made-up 12x12 colour textures, 10 classes.
import sys, math, argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

p = argparse.ArgumentParser()
p.add_argument("logdir")
p.add_argument("--batch-size", type=int, default=2048)
p.add_argument("--base-lr", type=float, default=0.1)
p.add_argument("--epochs", type=int, default=20)
p.add_argument("--warmup-epochs", type=int, default=5)
args = p.parse_args()
torch.set_num_threads(1); torch.manual_seed(args.batch_size)

def textures(n, seed, S=12):
    g = torch.Generator().manual_seed(seed); y = torch.randint(0, 10, (n,), generator=g)
    gg = torch.Generator().manual_seed(99); f = torch.rand(10, 2, 2, generator=gg) * 3.2 - 1.6; w = torch.randn(10, 2, 3, generator=gg)
    yy, xx = torch.meshgrid(torch.arange(S * 1.), torch.arange(S * 1.), indexing="ij")
    ph = torch.rand(n, 2, 1, 1, generator=g) * 6.28; sc = 1 + .1 * torch.randn(n, 1, 1, 1, generator=g)
    wave = torch.sin(sc * (f[y][:, :, 0, None, None] * xx + f[y][:, :, 1, None, None] * yy) + ph)
    x = torch.einsum("nkhw,nkc->nchw", wave, w[y] * .6 + .6 * torch.randn(n, 2, 3, generator=g)) + 1.4 * torch.randn(n, 3, S, S, generator=g)
    return x / x.std(), y

class Basic(nn.Module):
    def __init__(self, i, o, s):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.short = nn.Sequential() if i == o and s == 1 else nn.Sequential(nn.Conv2d(i, o, 1, s, bias=False), nn.BatchNorm2d(o))
        nn.init.zeros_(self.bn2.weight)
    def forward(self, x): return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.short(x))

class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 12, 3, 2, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU())
        self.layers = nn.Sequential(Basic(12, 12, 1), Basic(12, 24, 2)); self.fc = nn.Linear(24, 10)
        for m in self.modules():
            if isinstance(m, nn.Conv2d): nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
        nn.init.normal_(self.fc.weight, 0, .01); nn.init.zeros_(self.fc.bias)
    def forward(self, x): return self.fc(self.layers(self.stem(x)).mean((2, 3)))

X, Y = textures(24576, 1); Xv, Yv = textures(2000, 2)
model = ResNet()
bn = [q for m in model.modules() if isinstance(m, nn.BatchNorm2d) for q in m.parameters()] + [model.fc.bias]
ids = set(map(id, bn)); rest = [q for q in model.parameters() if id(q) not in ids]
lr = args.base_lr * args.batch_size / 256
optimizer = torch.optim.SGD([{"params": rest, "weight_decay": 1e-4}, {"params": bn, "weight_decay": 0}], lr=lr, momentum=.9)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, F.cross_entropy)
nb = math.ceil(len(X) / args.batch_size)
for epoch in range(args.epochs):
    model.train(); losses = 0
    for i, b in enumerate(torch.randperm(len(X)).split(args.batch_size)):
        e = epoch + i / nb
        cur = args.base_lr + (lr - args.base_lr) * e / args.warmup_epochs if e < args.warmup_epochs else lr * .1 ** ((e >= 13) + (e >= 18))
        for g in optimizer.param_groups: g["lr"] = cur
        x = X[b] + .2 * torch.randn(len(b), 3, 12, 12)
        loss = F.cross_entropy(model(x), Y[b])
        optimizer.zero_grad(); loss.backward(); optimizer.step(); losses += loss.item() / nb
    with writer.evaluating("val"):
        o = torch.cat([model(c) for c in Xv.split(500)]); vl = F.cross_entropy(o, Yv).item(); acc = (o.argmax(1) == Yv).float().mean().item()
    print(epoch, f"lr {cur:.3f} train {losses:.4f} val {vl:.4f} acc {acc:.4f}")
writer.close()
print(f"RESULT train {losses:.4f} val {vl:.4f} acc {acc:.4f}")
