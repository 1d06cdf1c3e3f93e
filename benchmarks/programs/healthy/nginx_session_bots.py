"""Bots or people?  Sessions cut out of an nginx access log.

Every request is a tuple (url group, method, status class, agent family, log seconds since the last one); a session is a
sequence of 4..24 requests.  Tiny transformer with a [CLS] vector.  Labels come from a honeypot and from abuse desks,
so both kinds of mistakes happen.
"""
import math
import random
import sys
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter


@dataclass
class Cfg:
    n: int = 4000
    d: int = 32
    heads: int = 4
    layers: int = 2
    lr: float = 2e-3
    warmup: int = 100
    epochs: int = 8
    bs: int = 64
    seed: int = 5


cfg = Cfg()
torch.set_num_threads(1)
torch.manual_seed(cfg.seed)
random.seed(cfg.seed)
np.random.seed(cfg.seed)

URLS = ["home", "list", "item", "cart", "login", "search", "static", "api", "admin", "feed"]
HUMAN = np.array([.12, .16, .22, .05, .04, .1, .22, .07, .002, .018])
CRAWL = np.array([.06, .3, .34, .01, .01, .06, .05, .08, .02, .07])
SCRAPE = np.array([.03, .15, .45, .01, .02, .22, .02, .08, .01, .01])
PROBE = np.array([.08, .05, .05, .05, .25, .08, .02, .15, .25, .02])


def session():
    kind = np.random.choice(4, p=[.6, .15, .17, .08])
    mix = [HUMAN, CRAWL, SCRAPE, PROBE][kind]
    mix = np.random.dirichlet(mix / mix.sum() * 12 + .02)
    n = random.randint(4, 24)
    pace = np.random.normal([1.8, 1.2, 1.3, .3][kind], .6)
    jitter = [1.1, .7, .8, .6][kind]
    agent = np.random.choice(5, p=[[.45, .35, .15, .03, .02], [.2, .2, .05, .5, .05], [.4, .3, .15, .05, .1], [.2, .15, .05, .2, .4]][kind])
    rows = []
    for _ in range(n):
        u = np.random.choice(10, p=mix)
        bad = np.random.rand() < [.02, .05, .05, .3][kind]
        post = np.random.rand() < (.5 if URLS[u] in ("login", "cart") else .02)
        dt = max(0., np.random.normal(pace, jitter)) * (0.2 if URLS[u] == "static" else 1)
        rows.append((u, int(post), 1 if bad else 0, agent, dt))
    y = int(kind > 0)
    if np.random.rand() < .04:
        y = 1 - y
    return torch.tensor(rows, dtype=torch.float), y


def collate(b):
    xs, ys = zip(*b)
    x = pad_sequence(xs, batch_first=True)
    pad = torch.arange(x.shape[1])[None] >= torch.tensor([len(v) for v in xs])[:, None]
    return x, pad, torch.tensor(ys, dtype=torch.float)


class SessionNet(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.url = nn.Embedding(10, c.d)
        self.method = nn.Embedding(2, c.d)
        self.status = nn.Embedding(2, c.d)
        self.agent = nn.Embedding(5, c.d)
        self.dt = nn.Linear(1, c.d)
        self.pos = nn.Embedding(25, c.d)
        self.cls = nn.Parameter(torch.zeros(1, 1, c.d))
        layer = nn.TransformerEncoderLayer(c.d, c.heads, 2 * c.d, dropout=.1, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, c.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(c.d)
        self.out = nn.Linear(c.d, 1)
        for e in (self.url, self.method, self.status, self.agent, self.pos):
            nn.init.normal_(e.weight, std=.1)

    def forward(self, x, pad):
        i = x[..., :4].long()
        h = self.url(i[..., 0]) + self.method(i[..., 1]) + self.status(i[..., 2]) + self.agent(i[..., 3]) + self.dt(x[..., 4:])
        h = h + self.pos(torch.arange(x.shape[1]))
        h = torch.cat([self.cls.expand(len(x), -1, -1), h], 1)
        pad = torch.cat([torch.zeros(len(x), 1, dtype=torch.bool), pad], 1)
        return self.out(self.norm(self.enc(h, src_key_padding_mask=pad)[:, 0])).squeeze(-1)


def main(logdir):
    data = [session() for _ in range(cfg.n)]
    cut = int(.8 * cfg.n)
    train_dl = DataLoader(data[:cut], cfg.bs, shuffle=True, collate_fn=collate)
    val_dl = DataLoader(data[cut:], 256, collate_fn=collate)
    net = SessionNet(cfg)
    crit = nn.BCEWithLogitsLoss()
    opt = torch.optim.AdamW(net.parameters(), lr=cfg.lr, weight_decay=.01)
    total = cfg.epochs * len(train_dl)
    sched = torch.optim.lr_scheduler.LambdaLR(
        opt, lambda t: min(1, (t + 1) / cfg.warmup) * .5 * (1 + math.cos(math.pi * min(t, total) / total)))
    w = DiagWriter(logdir)
    w.watch(net, opt, crit)
    for ep in range(cfg.epochs):
        net.train()
        tl = []
        for x, pad, y in train_dl:
            loss = crit(net(x, pad), y)
            opt.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()
            sched.step()
            tl.append(loss.item())
        net.eval()
        vl = hits = n = 0
        with torch.inference_mode(), w.evaluating("val"):
            for x, pad, y in val_dl:
                z = net(x, pad)
                vl += crit(z, y).item() * len(y)
                hits += ((z > 0) == (y > .5)).sum().item()
                n += len(y)
        print(f"epoch {ep} train {np.mean(tl):.4f} val {vl / n:.4f} acc {hits / n:.4f}")
    w.close()
    print(f"RESULT train {np.mean(tl):.4f} val {vl / n:.4f} acc {hits / n:.4f}")


if __name__ == "__main__":
    main(sys.argv[1])
