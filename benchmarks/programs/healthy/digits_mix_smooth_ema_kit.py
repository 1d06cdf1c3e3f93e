"""Training kit for small images: mixup, label smoothing, EMA weights for evaluation, warm-up then cosine."""
import copy, math, sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter


class ModelEma:
    def __init__(self, model, decay=0.97):
        self.module = copy.deepcopy(model).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, model):
        for e, m in zip(self.module.state_dict().values(), model.state_dict().values()):
            if e.dtype.is_floating_point:
                e.mul_(self.decay).add_(m, alpha=1 - self.decay)
            else:
                e.copy_(m)


class SoftTargetCrossEntropy(nn.Module):
    def forward(self, x, target):
        return torch.sum(-target * F.log_softmax(x, dim=-1), dim=-1).mean()


def mixup_target(y, n, lam, smoothing=0.1):
    off = smoothing / n
    one = torch.full((len(y), n), off).scatter_(1, y[:, None], 1 - smoothing + off)
    return lam * one + (1 - lam) * one.flip(0)


class Trainer:
    def __init__(self, logdir, epochs=14, batch=64, base_lr=4e-3):
        torch.set_num_threads(1)
        torch.manual_seed(2)
        d = load_digits()
        X, y = torch.tensor(d.images / 16 - 0.3).float()[:, None] / 0.38, torch.tensor(d.target)
        a, b = train_test_split(range(len(y)), test_size=0.3, stratify=d.target, random_state=3)
        self.Xt, self.yt, self.Xv, self.yv = X[a], y[a], X[b], y[b]
        self.model = nn.Sequential(nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.GELU(),
                                   nn.Conv2d(24, 48, 3, stride=2, padding=1), nn.BatchNorm2d(48), nn.GELU(),
                                   nn.Conv2d(48, 64, 3, padding=1), nn.BatchNorm2d(64), nn.GELU(),
                                   nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.1), nn.Linear(256, 10))
        self.ema = ModelEma(self.model)
        self.opt = torch.optim.AdamW(self.model.parameters(), lr=base_lr, weight_decay=0.05)
        self.batch, self.epochs = batch, epochs
        total, warm = epochs * (len(a) // batch), 2 * (len(a) // batch)
        self.sched = torch.optim.lr_scheduler.LambdaLR(
            self.opt, lambda t: (t + 1) / warm if t < warm else 0.5 * (1 + math.cos(math.pi * (t - warm) / (total - warm))))
        self.crit = SoftTargetCrossEntropy()
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.opt, self.crit)
        self.beta = torch.distributions.Beta(0.4, 0.4)

    def fit(self):
        for ep in range(self.epochs):
            self.model.train()
            perm = torch.randperm(len(self.Xt))
            for i in range(0, len(perm) - self.batch + 1, self.batch):
                x, y = self.Xt[perm[i:i + self.batch]], self.yt[perm[i:i + self.batch]]
                lam = self.beta.sample().item()
                x = lam * x + (1 - lam) * x.flip(0)
                loss = self.crit(self.model(x), mixup_target(y, 10, lam))
                self.opt.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
                self.opt.step()
                self.sched.step()
                self.ema.update(self.model)
            with torch.no_grad():
                out = self.ema.module(self.Xv)
                nll, acc = F.cross_entropy(out, self.yv).item(), (out.argmax(1) == self.yv).float().mean().item()
            self.writer.add_scalar("Loss/train", loss.item(), ep)
            self.writer.add_scalar("Loss/val_ema", nll, ep)
            self.writer.add_scalar("Acc/val_ema", acc, ep)
            print(f"epoch {ep}: mixed loss {loss.item():.3f}, ema nll {nll:.3f}, acc {acc:.4f}")
        self.writer.close()
        from sklearn.svm import SVC
        svc = SVC().fit(self.Xt.flatten(1), self.yt).score(self.Xv.flatten(1), self.yv)
        print(f"RESULT ema_nll {nll:.4f} ema_acc {acc:.4f} svc_acc {svc:.4f}")


if __name__ == "__main__":
    Trainer(sys.argv[1]).fit()
