"""Customer lifetime value with the zero-inflated lognormal loss (google/lifetime_value, Wang, Liu & Miao 2019), in PyTorch.

Most customers never come back (label 0), a few spend a great deal.
"""
import sys

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(7)
rng = np.random.default_rng(7)


def make_customers(n):
    channel = rng.integers(0, 6, n)
    category = rng.integers(0, 20, n)
    month = rng.integers(0, 12, n)
    first = np.exp(rng.normal(3.0 + 0.15 * (channel == 2), 0.9, n))
    items = 1 + rng.poisson(1.2, n)
    coupon = rng.random(n) < 0.35
    cat_eff = rng.normal(0, 0.5, 20)[category]
    z = 0.6 * (np.log(first) - 3) + 0.25 * (items - 2) - 0.7 * coupon + cat_eff + 0.3 * np.sin(month / 12 * 6.28)
    buys = rng.random(n) < 1 / (1 + np.exp(-(z - 1.6)))
    mu = 3.2 + 0.7 * (np.log(first) - 3) + 0.4 * cat_eff + 0.2 * (channel == 4)
    ltv = np.where(buys, np.exp(rng.normal(mu, 1.1)), 0.0)
    df = pd.DataFrame(dict(channel=channel, category=category, month=month, first=first, items=items, coupon=coupon, ltv=ltv))
    return df


def zero_inflated_lognormal_loss(logits, labels):
    positive = (labels > 0).float()
    positive_logits = logits[..., :1]
    classification_loss = F.binary_cross_entropy_with_logits(positive_logits, positive)
    loc = logits[..., 1:2]
    scale = torch.maximum(F.softplus(logits[..., 2:]), torch.sqrt(torch.tensor(torch.finfo(torch.float32).eps)))
    safe_labels = positive * labels + (1 - positive) * torch.ones_like(labels)
    log_prob = torch.distributions.LogNormal(loc, scale).log_prob(safe_labels)
    regression_loss = -torch.mean(positive * log_prob)
    return classification_loss + regression_loss


def ziln_pred(logits):
    p = torch.sigmoid(logits[..., :1])
    loc, scale = logits[..., 1:2], F.softplus(logits[..., 2:])
    return p * torch.exp(loc + 0.5 * scale ** 2)


class LTVNet(nn.Module):
    def __init__(self, cards, num_numeric):
        super().__init__()
        self.emb = nn.ModuleList([nn.Embedding(c, 4) for c in cards])
        self.body = nn.Sequential(nn.Linear(4 * len(cards) + num_numeric, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 3))

    def forward(self, cat, num):
        e = [m(cat[:, i]) for i, m in enumerate(self.emb)]
        return self.body(torch.cat(e + [num], 1))


def gini(y, p):
    o = np.argsort(-p)
    g = np.cumsum(y[o]).sum() / y.sum() - (len(y) + 1) / 2
    o = np.argsort(-y)
    return g / (np.cumsum(y[o]).sum() / y.sum() - (len(y) + 1) / 2)


df = make_customers(24000)
cat = torch.tensor(df[["channel", "category", "month"]].values)
num = np.c_[np.log1p(df["first"]), df["items"], df["coupon"]].astype(np.float32)
num = torch.tensor((num - num[:18000].mean(0)) / num[:18000].std(0))
y = torch.tensor(df["ltv"].values, dtype=torch.float32)[:, None]
print(f"{(y == 0).float().mean():.1%} zeros, mean {y.mean():.1f}, max {y.max():.0f}")
train = DataLoader(TensorDataset(cat[:18000], num[:18000], y[:18000]), batch_size=256, shuffle=True)
val = DataLoader(TensorDataset(cat[18000:], num[18000:], y[18000:]), batch_size=2000)

model = LTVNet([6, 20, 12], 3)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
sched = torch.optim.lr_scheduler.MultiStepLR(optimizer, [9, 12], 0.2)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, zero_inflated_lognormal_loss)

for epoch in range(14):
    model.train()
    run = 0.0
    for c, n, t in train:
        loss = writer.loss_fn(model(c, n), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run += loss.item()
    sched.step()
    model.eval()
    vl, preds = 0.0, []
    with torch.no_grad(), writer.evaluating("val"):
        for c, n, t in val:
            out = model(c, n)
            vl += writer.loss_fn(out, t).item() / len(val)
            preds.append(ziln_pred(out))
    preds = torch.cat(preds).squeeze(1).numpy()
    g = gini(y[18000:, 0].numpy(), preds)
    print(f"epoch {epoch + 1:2d}  train {run / len(train):.4f}  val {vl:.4f}  normalised gini {g:.3f}")
writer.close()
print(f"RESULT train {run / len(train):.4f} val {vl:.4f} gini {g:.3f} bias {preds.mean() / y[18000:].mean().item() - 1:+.3f}")
