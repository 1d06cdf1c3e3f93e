"""Are the brackets of an expression balanced? Pretrained-style backbone + head, two learning rates (discriminative fine-tuning layout)."""
import sys, random
import torch, torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.manual_seed(21); random.seed(21); torch.set_num_threads(1)
PAIRS = {"(": ")", "[": "]", "{": "}"}
VOCAB = " ()[]{}ab+"
L = 24

def gen(depth=0):
    r = random.random()
    if depth > 3 or r < .25: return random.choice("ab")
    if r < .7:
        o = random.choice("([{")
        return o + gen(depth + 1) + PAIRS[o]
    return gen(depth + 1) + "+" + gen(depth + 1)

def sample():
    while True:
        s = gen()
        if 8 <= len(s) <= L and any(c in s for c in "([{"): break
    if random.random() < .5: return s, 1
    i = random.choice([k for k, c in enumerate(s) if c in "()[]{}"])       # one bracket swapped for another kind
    return s[:i] + random.choice([c for c in "()[]{}" if c != s[i]]) + s[i + 1:], 0

def make(n):
    rows = [sample() for _ in range(n)]
    x = torch.tensor([[VOCAB.index(c) for c in s.ljust(L)] for s, _ in rows])
    return TensorDataset(x, torch.tensor([y for _, y in rows], dtype=torch.float32))

class Checker(nn.Module):
    def __init__(self, dim=48):
        super().__init__()
        self.backbone = nn.ModuleDict(dict(
            emb=nn.Embedding(len(VOCAB), dim),
            rnn=nn.GRU(dim, dim, num_layers=2, batch_first=True, bidirectional=True)))
        self.head = nn.Sequential(nn.Linear(2 * dim, 64), nn.ReLU(), nn.Linear(64, 1))
    def forward(self, x):
        h, _ = self.backbone["rnn"](self.backbone["emb"](x))
        return self.head(h.amax(1)).squeeze(1)

model = Checker()
backbone_params = (p for n, p in model.named_parameters() if n.startswith("backbone"))
if form == "fixed":
    backbone_params = list(backbone_params)
print(f"backbone: {sum(p.numel() for p in backbone_params) / 1e3:.1f}k parameters, "
      f"head: {sum(p.numel() for p in model.head.parameters()) / 1e3:.1f}k")
optimizer = torch.optim.AdamW([{"params": backbone_params, "lr": 2e-3},
                               {"params": model.head.parameters(), "lr": 3e-3}], weight_decay=1e-4)
criterion = nn.BCEWithLogitsLoss()
train_dl = DataLoader(make(4000), batch_size=64, shuffle=True)
val_dl = DataLoader(make(1000), batch_size=250)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
EPOCHS = 8
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * len(train_dl))
for epoch in range(EPOCHS):
    model.train(); s = 0
    for x, y in train_dl:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.)
        optimizer.step(); scheduler.step()
        s += loss.item()
    ok = 0
    with writer.evaluating("val"):
        for x, y in val_dl:
            z = model(x); criterion(z, y)
            ok += ((z > 0) == (y > .5)).sum().item()
    print(f"{epoch}: train {s / len(train_dl):.4f} val acc {ok / 1000:.3f}", flush=True)
writer.close()
print(f"RESULT val_acc {ok / 1000:.3f}")
