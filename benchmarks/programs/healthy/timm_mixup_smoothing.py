"""timm-like recipe: small ConvMixer, AdamW 1e-3 x batch/.., warm-up then cosine, mixup 0.2, label smoothing 0.1, EMA of the weights."""
import copy
import math
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter


class Residual(nn.Module):
    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, x):
        return self.fn(x) + x


def ConvMixer(dim, depth, kernel_size=3, patch_size=1, n_classes=10):
    return nn.Sequential(
        nn.Conv2d(1, dim, kernel_size=2, stride=2), nn.GELU(), nn.BatchNorm2d(dim),
        *[nn.Sequential(
            Residual(nn.Sequential(nn.Conv2d(dim, dim, kernel_size, groups=dim, padding="same"), nn.GELU(), nn.BatchNorm2d(dim))),
            nn.Conv2d(dim, dim, kernel_size=1), nn.GELU(), nn.BatchNorm2d(dim)) for _ in range(depth)],
        nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(dim, n_classes))


class SoftTargetCrossEntropy(nn.Module):
    def forward(self, x, target):
        return torch.sum(-target * F.log_softmax(x, dim=-1), dim=-1).mean()


class Mixup:
    def __init__(self, alpha=0.2, smoothing=0.1, num_classes=10):
        self.alpha, self.smoothing, self.n = alpha, smoothing, num_classes

    def __call__(self, x, y):
        off = self.smoothing / self.n
        t = F.one_hot(y, self.n) * (1 - self.smoothing) + off
        lam = np.random.beta(self.alpha, self.alpha)
        return x * lam + x.flip(0) * (1 - lam), t * lam + t.flip(0) * (1 - lam)


class ModelEma:
    def __init__(self, model, decay):
        self.module, self.decay = copy.deepcopy(model).eval(), decay

    @torch.no_grad()
    def update(self, model):
        for e, m in zip(self.module.state_dict().values(), model.state_dict().values()):
            e.copy_(self.decay * e + (1 - self.decay) * m if e.is_floating_point() else m)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(42); np.random.seed(42)
    d = load_digits()
    x = (torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) - 4.88) / 6.02
    y = torch.tensor(d.target)
    perm = torch.randperm(len(y))
    tr, va = perm[:1400], perm[1400:]
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[tr], y[tr]), batch_size=64, shuffle=True, drop_last=True)
    model = ConvMixer(64, 3)
    ema, mixup = ModelEma(model, 0.98), Mixup()
    decay = [p for p in model.parameters() if p.ndim > 1]
    no_decay = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": no_decay, "weight_decay": 0.0}, {"params": decay, "weight_decay": 0.05}], lr=2e-3)
    epochs, warm = 30, 3
    total, w = epochs * len(loader), warm * len(loader)
    sched = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: (s + 1) / w if s < w else 0.5 * (1 + math.cos(math.pi * (s - w) / (total - w))))
    train_loss_fn, validate_loss_fn = SoftTargetCrossEntropy(), nn.CrossEntropyLoss()
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optimizer, train_loss_fn, train_loader=loader)
    for epoch in range(epochs):
        model.train()
        for a, b in loader:
            a, t = mixup(a, b)
            loss = train_loss_fn(model(a), t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sched.step()
            ema.update(model)
    with torch.no_grad():
        out = ema.module(x[va])
        model.eval()
        acc = model(x[va]).argmax(1).eq(y[va]).float().mean().item()
    print(f"RESULT steps {total} train {loss.item():.3f} val CE of EMA {validate_loss_fn(out, y[va]).item():.3f} acc EMA {out.argmax(1).eq(y[va]).float().mean().item():.4f} model {acc:.4f}")
    writer.close()


if __name__ == "__main__":
    main()
