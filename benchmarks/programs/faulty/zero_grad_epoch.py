"""Char-level language model on Python's own source."""
import sys, inspect, argparse
import torch, torch.nn as nn
import json as source_module, argparse as source_module2, textwrap as source_module3
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("mode", choices=["faulty", "fixed"]); ap.add_argument("logdir")
args = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(0)

text = inspect.getsource(source_module2) + inspect.getsource(source_module3)
chars = sorted(set(text)); stoi = {c: i for i, c in enumerate(chars)}
ids = torch.tensor([stoi[c] for c in text])
cut = int(.9 * len(ids))
train_ids, val_ids = ids[:cut], ids[cut:]
BLOCK = 24


def batch(src, n):
    k = torch.randint(0, len(src) - BLOCK - 1, (n,))
    return torch.stack([src[i:i + BLOCK] for i in k]), torch.stack([src[i + 1:i + BLOCK + 1] for i in k])


class CharCNN(nn.Module):
    def __init__(self, V, D=48):
        super().__init__()
        self.emb = nn.Embedding(V, D)
        self.convs = nn.ModuleList([nn.Conv1d(D, D, 3, dilation=d) for d in (1, 2, 4)])
        self.norms = nn.ModuleList([nn.LayerNorm(D) for _ in range(3)])
        self.out = nn.Linear(D, V)

    def forward(self, x):
        h = self.emb(x)
        for conv, norm in zip(self.convs, self.norms):
            d = conv.dilation[0]
            z = nn.functional.pad(norm(h).transpose(1, 2), (2 * d, 0))
            h = h + torch.relu(conv(z)).transpose(1, 2)
        return self.out(h).flatten(0, 1)


model = CharCNN(len(chars))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(12):
    optimizer.zero_grad()
    s = 0
    for it in range(100):
        x, y = batch(train_ids, 32)
        if args.mode == "fixed":
            optimizer.zero_grad()
        loss = criterion(model(x), y.flatten())
        loss.backward()
        optimizer.step()
        s += loss.item() / 100
    v = 0
    with writer.evaluating("val"):
        for _ in range(10):
            x, y = batch(val_ids, 64)
            v += criterion(model(x), y.flatten()).item() / 10
    print(f"epoch {epoch} train {s:.3f} val {v:.3f}")
writer.close()
