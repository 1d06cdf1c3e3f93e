"""Sequence tagger with a dilated convolution stack (named entity like tags on log tokens).

Conv1d gives (batch, classes, length); the loss wants (batch*length, classes).
"""
import argparse
import random

import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

p = argparse.ArgumentParser()
p.add_argument("mode", choices=["faulty", "fixed"])
p.add_argument("logdir")
p.add_argument("--epochs", type=int, default=12)
p.add_argument("--lr", type=float, default=2e-3)
args = p.parse_args()
torch.set_num_threads(1)
random.seed(4)
torch.manual_seed(4)

TAGS = ["O", "HOST", "USER", "ACTION", "NUM"]
V, T = 220, 24
# token ids: 0 pad, 1..39 function words, 40..99 names, 100..139 verbs, 140..179 numbers, 180.. noise words


def sentence():
    toks, tags = [], []
    while len(toks) < T:
        r = random.random()
        if r < .25:        # "on <name>" is a host, "by <name>" is a user
            prep = random.choice([1, 2, 3, 4])
            toks += [prep, random.randrange(40, 100)]
            tags += [0, 1 if prep <= 2 else 2]
        elif r < .42:
            toks.append(random.randrange(100, 140)); tags.append(3 if random.random() < .93 else 0)
        elif r < .55:
            toks.append(random.randrange(140, 180)); tags.append(4 if toks[-2:-1] != [5] else 0)
        else:
            toks.append(random.randrange(5, 40) if random.random() < .6 else random.randrange(180, V)); tags.append(0)
    return toks[:T], tags[:T]


def corpus(n):
    s = [sentence() for _ in range(n)]
    return torch.tensor([a for a, _ in s]), torch.tensor([b for _, b in s])


Xtr, Ytr = corpus(3000)
Xva, Yva = corpus(600)


class ConvTagger(nn.Module):
    def __init__(self, vocab, emb=48, hid=64, n_tags=len(TAGS)):
        super().__init__()
        self.emb = nn.Embedding(vocab, emb)
        self.c1 = nn.Conv1d(emb, hid, 3, padding=1)
        self.c2 = nn.Conv1d(hid, hid, 3, padding=2, dilation=2)
        self.drop = nn.Dropout(.2)
        self.out = nn.Conv1d(hid, n_tags, 1)

    def forward(self, x):
        h = self.emb(x).transpose(1, 2)
        h = F.relu(self.c1(h))
        h = self.drop(h + F.relu(self.c2(h)))
        logits = self.out(h)                          # (B, C, T)
        if args.mode == "faulty":
            return logits.reshape(-1, len(TAGS))
        return logits.permute(0, 2, 1).reshape(-1, len(TAGS))


model = ConvTagger(V)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(args.epochs):
    model.train()
    for b in torch.randperm(len(Xtr)).split(32):
        loss = criterion(model(Xtr[b]), Ytr[b].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(Xva)
        vloss = criterion(out, Yva.reshape(-1)).item()
    pred, gold = out.argmax(1), Yva.reshape(-1)
    ent = gold > 0
    recall = (pred[ent] == gold[ent]).float().mean().item()
    print(f"epoch {epoch}: train {loss.item():.4f} val {vloss:.4f} token acc {(pred == gold).float().mean():.4f} entity recall {recall:.4f}")
writer.close()
print(f"RESULT val_loss {vloss:.4f} entity_recall {recall:.4f}")
