# SigLIP-style pairing of two views: the upper and the lower half of a handwritten digit (sklearn digits).
# Sigmoid loss over all pairs in the batch, learned temperature and bias (t' = log 10, b = -10 as in the paper).
import math, sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter


def tower():
    return nn.Sequential(nn.Linear(32, 128), nn.GELU(), nn.LayerNorm(128), nn.Linear(128, 128), nn.GELU(), nn.Linear(128, 32))


class TwoTowers(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = tower(), tower()
        self.t = nn.Parameter(torch.tensor(math.log(10.0)))
        self.bias = nn.Parameter(torch.tensor(-10.0))

    def encode(self, x):
        return F.normalize(self.a(x[:, :32]), dim=1), F.normalize(self.b(x[:, 32:]), dim=1)

    def forward(self, x):
        za, zb = self.encode(x)
        return za @ zb.t() * self.t.exp() + self.bias


class SigmoidPairLoss(nn.Module):
    def forward(self, logits):
        n = len(logits)
        z = 2 * torch.eye(n) - 1
        return -F.logsigmoid(z * logits).sum() / n


def main():
    torch.manual_seed(11)
    torch.set_num_threads(1)
    X, y = load_digits(return_X_y=True)
    X = torch.tensor(X / 16.0 - 0.3, dtype=torch.float32)
    xtr, xte, ytr, yte = train_test_split(X, torch.tensor(y), test_size=0.25, random_state=0, stratify=y)
    net = TwoTowers()
    decay = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim <= 1]
    opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}], lr=2e-3, betas=(0.9, 0.95))
    steps, warm = 1000, 50
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min((s + 1) / warm, 0.5 * (1 + math.cos(math.pi * s / steps))))
    loss_fn = SigmoidPairLoss()
    writer = DiagWriter(sys.argv[1])
    writer.watch(net, opt, loss_fn)
    for step in range(steps):
        net.train()
        idx = torch.randperm(len(xtr))[:128]
        xb = xtr[idx] + 0.15 * torch.randn(128, 64)
        loss = loss_fn(net(xb))
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if step % 100 == 99:
            net.eval()
            with torch.no_grad(), writer.evaluating("val"):
                v = sum(loss_fn(net(xte[k:k + 128])).item() for k in range(0, 384, 128)) / 3
            print(step + 1, f"train {loss.item():.3f} val {v:.3f} temp {net.t.exp().item():.1f} bias {net.bias.item():.2f}")
    net.eval()
    with torch.no_grad():
        za, zb = net.encode(xte)
        r10 = ((za @ zb.t()).topk(10, 1).indices == torch.arange(len(xte))[:, None]).any(1).float().mean().item()
        f = torch.cat(net.encode(xtr), 1)
        g = torch.cat((za, zb), 1)
    acc = LogisticRegression(max_iter=2000).fit(f, ytr).score(g, yte)
    writer.close()
    print("RESULT val_loss", round(v, 4), "recall_at_10_of_450", round(r10, 4), "chance", round(10 / len(xte), 4), "probe_acc", round(acc, 4))


main()
