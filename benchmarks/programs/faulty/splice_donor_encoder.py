"""Donor splice site or not?  Small transformer encoder over 36-nt windows.

Sequences are simulated: GT always in the middle, positives drawn from a position weight matrix that
follows the human donor consensus (MAG|GTRAGT), with dependence between -1 and +5, negatives from background.
usage: splice_donor_encoder.py faulty|fixed LOGDIR
"""
import sys, math
from dataclasses import dataclass
import numpy as np
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
MODE, LOGDIR = sys.argv[1], sys.argv[2]


@dataclass
class Config:
    d_model: int = 32
    heads: int = 4
    layers: int = 2
    batch: int = 64
    epochs: int = 7
    lr: float = 1e-3
    warmup_steps: int = 10_000 if MODE == "faulty" else 100


cfg = Config()
torch.manual_seed(11)
rng = np.random.default_rng(11)
L, C = 36, 12

PWM = {-3: [.35, .36, .18, .11], -2: [.60, .13, .13, .14], -1: [.09, .03, .80, .08],
       2: [.58, .03, .37, .02], 3: [.70, .08, .12, .10], 4: [.08, .05, .81, .06], 5: [.15, .16, .20, .49]}


def window(pos):
    s = rng.choice(4, size=L, p=[.28, .22, .22, .28])
    s[C], s[C + 1] = 2, 3
    if pos:
        for off, p in PWM.items():
            s[C + off] = rng.choice(4, p=p)
        if s[C - 1] != 2:              # weak -1 is compensated by a strong +5
            s[C + 4] = 2
        for k in range(C + 8, C + 22):  # intronic G runs
            if rng.random() < .25:
                s[k] = 2
    return s


def make(n):
    y = rng.integers(0, 2, n)
    x = np.stack([window(v) for v in y])
    return torch.tensor(x), torch.tensor(y).float()


xtr, ytr = make(2400)
xva, yva = make(800)


class SpliceNet(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.emb = nn.Embedding(4, cfg.d_model)
        self.pos = nn.Parameter(torch.randn(L, cfg.d_model) * 0.1)
        layer = nn.TransformerEncoderLayer(cfg.d_model, cfg.heads, 64, dropout=0.1, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, cfg.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(cfg.d_model)
        self.out = nn.Linear(cfg.d_model, 1)

    def forward(self, x):
        h = self.enc(self.emb(x) + self.pos)
        return self.out(self.norm(h).mean(1)).squeeze(-1)


model = SpliceNet(cfg)
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=cfg.lr, weight_decay=0.01)
total = cfg.epochs * math.ceil(len(xtr) / cfg.batch)


def schedule(step):
    if step < cfg.warmup_steps:
        return (step + 1) / cfg.warmup_steps
    return max(0.05, (total - step) / max(1, total - cfg.warmup_steps))


scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion)

loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(xtr, ytr), batch_size=cfg.batch, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(xva, yva), batch_size=200)
step = 0
for epoch in range(cfg.epochs):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        step += 1
        if step % 10 == 0:
            writer.add_scalar("train/loss", loss.item(), step)
            writer.add_scalar("train/lr", scheduler.get_last_lr()[0], step)
    with writer.evaluating("val"):
        hit, tot = 0, 0.
        for x, y in val_loader:
            z = model(x)
            tot += criterion(z, y).item() * len(y)
            hit += ((z > 0).float() == y).sum().item()
    print(f"epoch {epoch} val loss {tot/len(xva):.4f} acc {hit/len(xva):.4f}")
writer.close()
print("RESULT val_acc", round(hit / len(xva), 4), "val_loss", round(tot / len(xva), 4))
