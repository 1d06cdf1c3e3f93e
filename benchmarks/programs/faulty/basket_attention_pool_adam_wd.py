"""Household type from shopping baskets: item embeddings, attention pooling, linear head.
usage: basket_attention_pool_adam_wd.py {faulty,fixed} LOGDIR"""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(31)
rs = np.random.RandomState(31)
ITEMS, LEN, TYPES = 120, 14, 5
taste = rs.randn(TYPES, ITEMS) * .75 + rs.randn(ITEMS) * .8
taste = np.exp(taste) / np.exp(taste).sum(1, keepdims=True)
y = rs.randint(0, TYPES, 6000)
x = np.stack([rs.choice(ITEMS, LEN, p=taste[k]) for k in y])
x, y = torch.from_numpy(x), torch.from_numpy(y)
cfg = {"lr": 3e-3, "batch": 100, "epochs": 7,
       "weight_decay": 0.1 if sys.argv[1] == "faulty" else 1e-5}     # 0.1 is from the GPT recipe


class BasketNet(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.emb = nn.Embedding(ITEMS, d)
        nn.init.normal_(self.emb.weight, std=.1)
        self.score = nn.Linear(d, 1)
        self.ff = nn.Sequential(nn.Linear(d, 24), nn.GELU(), nn.Linear(24, TYPES))

    def forward(self, x, targets=None):
        e = self.emb(x)
        a = torch.softmax(self.score(e), 1)
        logits = self.ff((a * e).sum(1) * LEN ** .5)
        loss = None if targets is None else nn.functional.cross_entropy(logits, targets)
        return logits, loss


net = BasketNet()
optimizer = torch.optim.Adam(net.parameters(), lr=cfg["lr"], weight_decay=cfg["weight_decay"])
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer)
for epoch in range(cfg["epochs"]):
    net.train()
    for idx in torch.randperm(5000).split(cfg["batch"]):
        _, loss = net(x[idx], y[idx])
        writer.add_loss("train", loss)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logits, vloss = net(x[5000:], y[5000:])
        writer.add_loss("val", vloss)
    acc = (logits.argmax(1) == y[5000:]).float().mean().item()
    print(f"epoch {epoch} | train {loss.item():.3f} | val {vloss.item():.3f} | acc {acc:.3f}")
writer.close()
print(f"RESULT val_loss {vloss.item():.4f} val_acc {acc:.4f}")
