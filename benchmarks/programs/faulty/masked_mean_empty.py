"""Masked item modelling (BERT4Rec-like) on short baskets; the loss is averaged over the masked places by hand."""
import sys
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)
rng = np.random.default_rng(4)
N_ITEMS, L, MASK = 60, 5, 0
# aisles: neighbours in a basket come from a walk along the aisles
def basket():
    a = rng.integers(0, 12)
    out = []
    for _ in range(L):
        out.append(1 + 5 * a + rng.choice(5, p=[.4, .25, .2, .1, .05]))
        if rng.random() < 0.3:
            a = (a + 1) % 12
    return out
train = torch.tensor([basket() for _ in range(4000)])
valid = torch.tensor([basket() for _ in range(600)])


class Bert4Rec(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.item = nn.Embedding(N_ITEMS + 1, d)
        self.pos = nn.Parameter(0.02 * torch.randn(L, d))
        nn.init.normal_(self.item.weight, std=0.1)
        layer = nn.TransformerEncoderLayer(d, 4, 64, dropout=0.1, batch_first=True)
        self.enc = nn.TransformerEncoder(layer, 1)
        self.out = nn.Linear(d, N_ITEMS + 1)

    def forward(self, x):
        return self.out(self.enc(self.item(x) + self.pos))


def masked_loss(logits, target, mask):
    ce = F.cross_entropy(logits.transpose(1, 2), target, reduction="none")
    if sys.argv[1] == "faulty":
        return (ce * mask).sum() / mask.sum()
    return (ce * mask).sum() / mask.sum().clamp(min=1)


def mask_tokens(x, p=0.15, g=None):
    mask = torch.rand(x.shape, generator=g) < p
    return x.masked_fill(mask, MASK), mask.float()


model = Bert4Rec()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, masked_loss)
step = 0
for epoch in range(6):
    model.train()
    for idx in torch.randperm(len(train)).split(8):
        x, mask = mask_tokens(train[idx])
        loss = masked_loss(model(x), train[idx], mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
    with writer.evaluating("val"):
        x, mask = mask_tokens(valid, g=torch.Generator().manual_seed(0))
        vl = writer.loss_fn(model(x), valid, mask).item()
    print(f"epoch {epoch} step {step} train {loss.item():.3f} valid {vl:.3f}")
writer.close()
print(f"RESULT valid loss {vl:.3f}")
