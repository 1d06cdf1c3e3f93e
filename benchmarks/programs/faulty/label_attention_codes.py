import sys
import re
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(92)
g = torch.Generator().manual_seed(92)

ACTIVITIES = {
    "bakery": "bread pastry oven flour cake sourdough baguette wheat dough croissant",
    "plumbing": "pipe leak boiler sink heating drain valve faucet water shower",
    "software": "code cloud server app web database api developer network hosting",
    "farming": "cattle field crop harvest tractor wheat milk soil barn seed",
    "clinic": "patient doctor nurse care surgery therapy dental health water dose",
    "retail": "shop store sale goods clothes shelf cashier web stock price",
}
COMMON = "the of and for with small local company services family in to custom quality new old a by near daily".split()
WORDS = sorted(set(COMMON) | {w for v in ACTIVITIES.values() for w in v.split()})
PAD = 0
VOC = {w: i + 1 for i, w in enumerate(WORDS)}
LABELS = list(ACTIVITIES)


def sentence():
    k = torch.randint(0, len(LABELS), (1,), generator=g).item()
    own = ACTIVITIES[LABELS[k]].split()
    n = torch.randint(4, 11, (1,), generator=g).item()
    toks = []
    for i in range(n):
        r = torch.rand(1, generator=g).item()
        if r < 0.30:
            pool = own
        elif r < 0.40:
            pool = WORDS
        else:
            pool = COMMON
        toks.append(pool[torch.randint(0, len(pool), (1,), generator=g).item()])
    return [VOC[w] for w in toks], k


def collate(rows):
    L = 12
    ids = torch.zeros(len(rows), L, dtype=torch.long)
    for i, (t, _) in enumerate(rows):
        ids[i, :len(t)] = torch.tensor(t)
    return {"input_ids": ids, "attention_mask": (ids != PAD).long(), "labels": torch.tensor([k for _, k in rows])}


class LabelAttention(nn.Module):
    """one query a label looks over the tokens"""

    def __init__(self, dim, n_labels, n_head=2):
        super().__init__()
        self.n_head = n_head
        self.label_embeds = nn.Parameter(torch.randn(n_labels, dim) * 0.3)
        self.q, self.k, self.v, self.o = (nn.Linear(dim, dim, bias=False) for _ in range(4))

    def forward(self, tokens, attention_mask):
        B, T, C = tokens.shape
        n = self.label_embeds.shape[0]
        shape = lambda x, m: x.view(B, m, self.n_head, C // self.n_head).transpose(1, 2)
        q = shape(self.q(self.label_embeds).expand(B, -1, -1).contiguous(), n)
        k, v = shape(self.k(tokens), T), shape(self.v(tokens), T)
        if FORM == "faulty":
            mask = (attention_mask == 0)
        else:
            mask = (attention_mask != 0)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        return self.o(y.transpose(1, 2).reshape(B, n, C))


class TextClassifier(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embedding = nn.Embedding(len(VOC) + 1, dim)
        self.position = nn.Embedding(12, dim)
        self.mix = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, dim))
        self.attention = LabelAttention(dim, len(LABELS))
        self.drop = nn.Dropout(0.1)
        self.score = nn.Linear(dim, 1)

    def forward(self, input_ids, attention_mask):
        x = self.embedding(input_ids) + 0.1 * self.position.weight
        x = x + self.mix(x)
        return self.score(self.drop(self.attention(x, attention_mask))).squeeze(-1)


def main(logdir):
    rows = [sentence() for _ in range(4200)]
    mk = lambda r, s: DataLoader(r, batch_size=64, shuffle=s, collate_fn=collate)
    train, val, test = mk(rows[:3000], True), mk(rows[3000:3500], False), mk(rows[3500:], False)
    model = TextClassifier()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    loss_fn = nn.CrossEntropyLoss()
    writer = DiagWriter(logdir)
    writer.watch(model, opt, loss_fn, train_loader=train)
    for epoch in range(12):
        model.train()
        for b in train:
            opt.zero_grad()
            loss = loss_fn(model(b["input_ids"], b["attention_mask"]), b["labels"])
            loss.backward()
            opt.step()
        with writer.evaluating("val"):
            v = sum(loss_fn(model(b["input_ids"], b["attention_mask"]), b["labels"]).item() for b in val) / len(val)
        print(epoch, round(loss.item(), 4), round(v, 4))
    hit, tot = 0, 0.0
    with writer.evaluating("test"):
        for b in test:
            o = model(b["input_ids"], b["attention_mask"])
            tot += loss_fn(o, b["labels"]).item() / len(test)
            hit += (o.argmax(1) == b["labels"]).sum().item()
    writer.close()
    print("RESULT test_loss %.4f test_acc %.4f" % (tot, hit / 700))


FORM = sys.argv[1]
main(sys.argv[2])
