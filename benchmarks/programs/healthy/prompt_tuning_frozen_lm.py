"""Prompt tuning (Lester et al. 2021) in small: a GRU language model of date strings is frozen for good, and six "soft
prompt" vectors are learnt in front of the input so that it writes dates the way one customer does.

The only trained tensor is the prompt; its learning rate is large (0.3 in the paper, too).
"""
import random
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(9)
random.seed(9)

MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
CHARS = "\n 0123456789/-.,abcdefghijklmnopqrstuvwxyz"
ID = {c: i for i, c in enumerate(CHARS)}
STYLES = [lambda d, m, y: f"{y}-{m:02d}-{d:02d}", lambda d, m, y: f"{d}/{m}/{y % 100:02d}",
          lambda d, m, y: f"{MONTHS[m - 1]} {d}, {y}", lambda d, m, y: f"{d}. {MONTHS[m - 1]} {y}",
          lambda d, m, y: f"{d:02d}.{m:02d}.{y}", lambda d, m, y: f"{MONTHS[m - 1]}-{d}-{y % 100:02d}"]
LEN = 14


def date_text(style):
    s = STYLES[style](random.randint(1, 28), random.randint(1, 12), random.choice([1998, 2004, 2011, 2012, 2019, 2020, 2021]))
    ids = [ID[c] for c in s + "\n"]
    return ids[:LEN] + [-1] * (LEN - len(ids))


def batch_of(n, weights):
    return torch.tensor([date_text(random.choices(range(6), weights)[0]) for _ in range(n)])


class DateLM(nn.Module):
    def __init__(self, emb=24, hid=80):
        super().__init__()
        self.emb = nn.Embedding(len(CHARS), emb)
        self.gru = nn.GRU(emb, hid, batch_first=True)
        self.out = nn.Linear(hid, len(CHARS))

    def forward(self, e):
        return self.out(self.gru(e)[0])

    def embed(self, ids):                       # newline in front is the start
        start = torch.zeros(len(ids), 1, dtype=torch.long)
        return self.emb(torch.cat([start, ids[:, :-1].clamp(min=0)], 1))


class PromptTuned(nn.Module):
    def __init__(self, lm, length=6):
        super().__init__()
        self.lm = lm
        for p in self.lm.parameters():
            p.requires_grad_(False)
        pick = torch.randint(len(CHARS), (length,))
        self.prompt = nn.Parameter(lm.emb.weight[pick].clone())

    def forward(self, ids, labels=None):
        e = torch.cat([self.prompt.expand(len(ids), -1, -1), self.lm.embed(ids)], 1)
        logits = self.lm(e)[:, len(self.prompt):]
        return F.cross_entropy(logits.flatten(0, 1), ids.flatten(), ignore_index=-1)


def pretrain(lm, steps=250):
    opt = torch.optim.Adam(lm.parameters(), 4e-3)
    for s in range(steps):
        # noise vectors in front: the model must not be thrown off by something unusual before the text
        styles, k = [1] * 6, random.randint(0, 6)
        ids = batch_of(48, styles)
        e = torch.cat([.5 * torch.randn(48, k, 24), lm.embed(ids)], 1)
        loss = F.cross_entropy(lm(e)[:, k:].flatten(0, 1), ids.flatten(), ignore_index=-1)
        opt.zero_grad(); loss.backward(); opt.step()
    print(f"language model of all styles: {loss.item():.3f} nats a character")


lm = DateLM()
pretrain(lm)
customer = [0, 0, 3, 14, 0, 1]                         # mostly "5. mar 2012", a few others
train = batch_of(400, customer)
val = batch_of(400, customer)
model = PromptTuned(lm)
opt = torch.optim.Adam([model.prompt], lr=.1)
sched = torch.optim.lr_scheduler.LinearLR(opt, 1., .05, total_iters=180)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt)
with torch.no_grad(), writer.evaluating("val"):
    before = model(val).item()
    writer.add_loss("val", before)
for epoch in range(14):
    model.train()
    total, n = 0., 0
    for idx in torch.randperm(len(train)).split(32):
        loss = model(train[idx])
        writer.add_loss("train", loss)
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        total, n = total + loss.item(), n + 1
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = model(val).item()
        writer.add_loss("val", v)
    if epoch % 2:
        print(f"epoch {epoch + 1:2d}  train {total / n:.4f}  val {v:.4f}  |prompt| {model.prompt.norm():.2f}")
writer.close()
print(f"RESULT val={v:.4f} before={before:.4f} train={total / n:.4f}")
