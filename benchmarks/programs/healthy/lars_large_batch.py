"""Large batch training with LARS: huge base lr, linear warmup, poly decay, no trust ratio for biases and BN (after the lightning-bolts / DeepSpeed style LARS)."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.optimizer import Optimizer
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)


class LARS(Optimizer):
    def __init__(self, params, lr, momentum=0.9, weight_decay=0., trust_coefficient=0.001, eps=1e-8):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay, trust_coefficient=trust_coefficient, eps=eps))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group['params']:
                if p.grad is None:
                    continue
                d_p = p.grad
                if p.ndim > 1:
                    p_norm, g_norm = p.norm(), d_p.norm()
                    if p_norm != 0 and g_norm != 0:
                        d_p = d_p + group['weight_decay'] * p
                        d_p = d_p * (group['trust_coefficient'] * p_norm / (g_norm + group['weight_decay'] * p_norm + group['eps']))
                else:
                    d_p = d_p * group['trust_coefficient']
                buf = self.state[p].setdefault('momentum_buffer', torch.zeros_like(p))
                buf.mul_(group['momentum']).add_(d_p)
                p.add_(buf, alpha=-group['lr'])


def glyphs(n):
    """10 stroke glyphs on a 12x12 canvas, drawn with shaky strokes, 4 % wrongly labelled"""
    g = torch.Generator().manual_seed(5)
    anchors = 2 + 8 * torch.rand(10, 4, 2, generator=g)
    y = torch.randint(10, (n,))
    pts = anchors[y] + 0.7 * torch.randn(n, 4, 2) + torch.randn(n, 1, 2) * 0.6
    t = torch.linspace(0, 1, 8)[None, None, :, None]
    line = (pts[:, :-1, None] * (1 - t) + pts[:, 1:, None] * t).reshape(n, -1, 2)
    yy, xx = torch.meshgrid(torch.arange(12.), torch.arange(12.), indexing='ij')
    img = torch.zeros(n, 12, 12)
    for k in range(line.shape[1]):
        img = torch.maximum(img, torch.exp(-((xx - line[:, k, 0, None, None]) ** 2 + (yy - line[:, k, 1, None, None]) ** 2) / 0.8))
    img = img + 0.15 * torch.randn_like(img)
    flip = torch.rand(n) < 0.04
    y = torch.where(flip, torch.randint(10, (n,)), y)
    return ((img - 0.25) / 0.35).unsqueeze(1), y


train_x, train_y = glyphs(12288)
val_x, val_y = glyphs(3000)
model = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
                      nn.Conv2d(12, 24, 3, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
                      nn.Flatten(), nn.Linear(24 * 9, 10))
batch, epochs, base_lr = 1024, 28, 12.0
steps = epochs * (len(train_x) // batch)
warmup = steps // 10
optimizer = LARS(model.parameters(), lr=base_lr, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: (s + 1) / warmup if s < warmup else (1 - (s - warmup) / (steps - warmup)) ** 2)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(epochs):
    model.train()
    s = 0.
    for b in torch.randperm(len(train_x)).split(batch):
        loss = criterion(model(train_x[b]), train_y[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        s += loss.item() * len(b) / len(train_x)
    model.eval()
    with torch.no_grad():
        out = model(val_x)
    print(f"[{epoch + 1}/{epochs}] lr {scheduler.get_last_lr()[0]:.3f} train {s:.4f} val {F.cross_entropy(out, val_y):.4f} acc {(out.argmax(1) == val_y).float().mean():.4f}")
writer.close()
