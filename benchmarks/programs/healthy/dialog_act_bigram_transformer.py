"""Dialogue acts (question, statement, backchannel, ...) of short utterances with a one-layer transformer and learned [CLS].

Warm-up of 60 steps and then inverse square root decay, label smoothing, so that the loss stays clearly above zero.
"""
from __future__ import annotations
import random
import sys
import math
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

ACTS = {
    "statement": ["i {v} {n} {t}", "we {v} {n}", "my {p} {v2} {n} {t}", "so i {v} {n} with my {p}", "it was {a}"],
    "opinion": ["i think {n} is {a}", "i guess it is {a} {t}", "it was {a} i think", "{n} should be {a}"],
    "yes-no-question": ["do you {v} {n}", "did your {p} {v} {n}", "is {n} {a}", "you {v} {n} {t}", "so you {v} {n}"],
    "wh-question": ["what {n} do you {v}", "where do you {v} {n}", "how {a} was {n}", "who {v2} {n}", "you {v} what"],
    "backchannel": ["uh-huh", "yeah", "right", "oh really", "yeah right", "okay"],
    "agree": ["yeah", "yes it is {a}", "that is right", "exactly", "right", "yes i {v} {n}", "oh yeah"],
    "apology": ["i am sorry", "oh sorry about {n}", "excuse me"],
    "closing": ["well nice to talk to you", "okay bye", "take care", "okay i have to go", "bye"],
}
FILL = dict(v="like buy watch need cook have see fix".split(), v2="likes bought watched needs cooked has".split(),
            n="movies|a car|the news|basketball|fish|a dog|the garden|school|taxes|music|that".split("|"),
            a="great terrible expensive funny hard good boring true".split(), p="wife son boss mother friend".split(),
            t="now|every day|last year|there|you know|sometimes".split("|"))
STARTS = ["", "", "", "uh", "well", "um", "and", "but", "you know"]


def utterance(rng):
    act = rng.choices(range(len(ACTS)), [6, 3, 2, 2, 4, 2, 1, 1])[0]
    text = rng.choice(list(ACTS.values())[act])
    for k, vals in FILL.items():
        while "{" + k + "}" in text:
            text = text.replace("{" + k + "}", rng.choice(vals), 1)
    words = (rng.choice(STARTS) + " " + text).split()
    words = [w for w in words if rng.random() > .06]        # what the recogniser missed
    return words or ["uh"], act


class Encoder(nn.Module):
    def __init__(self, vocab: int, d=32, heads=4, classes=8, maxlen=14):
        super().__init__()
        self.tok = nn.Embedding(vocab, d, padding_idx=0)
        self.pos = nn.Parameter(torch.randn(1, maxlen + 1, d) * .02)
        self.cls = nn.Parameter(torch.randn(1, 1, d) * .02)
        nn.init.normal_(self.tok.weight, std=.1)
        self.layer = nn.TransformerEncoderLayer(d, heads, 64, dropout=.1, batch_first=True, norm_first=True, activation="gelu")
        self.norm = nn.LayerNorm(d)
        self.out = nn.Linear(d, classes)

    def forward(self, ids):
        x = torch.cat([self.cls.expand(len(ids), -1, -1), self.tok(ids)], 1)
        x = x + self.pos[:, :x.size(1)]
        mask = torch.cat([torch.zeros(len(ids), 1, dtype=torch.bool), ids == 0], 1)
        return self.out(self.norm(self.layer(x, src_key_padding_mask=mask)[:, 0]))


def batches(data, size, shuffle):
    order = list(range(len(data)))
    if shuffle:
        random.shuffle(order)
    for i in range(0, len(order), size):
        chunk = [data[j] for j in order[i:i + size]]
        L = max(len(x) for x, _ in chunk)
        yield torch.tensor([x + [0] * (L - len(x)) for x, _ in chunk]), torch.tensor([y for _, y in chunk])


def main(logdir):
    torch.set_num_threads(1)
    random.seed(12)
    torch.manual_seed(12)
    raw = [utterance(random) for _ in range(4500)]
    vocab = {w: i + 1 for i, w in enumerate(sorted({w for u, _ in raw for w in u}))}
    data = [([vocab[w] for w in u][:14], a) for u, a in raw]
    train, dev = data[:3700], data[3700:]
    model = Encoder(len(vocab) + 1)
    opt = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=.01)
    warm = 60
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min((s + 1) / warm, math.sqrt(warm / (s + 1))))
    criterion = nn.CrossEntropyLoss(label_smoothing=.1)
    writer = DiagWriter(logdir)
    writer.watch(model, opt, criterion)
    epochs = 8
    for ep in range(epochs):
        model.train()
        run = 0.
        for x, y in batches(train, 32, True):
            loss = criterion(model(x), y)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            sched.step()
            run += loss.item() * len(y) / len(train)
        model.eval()
        dl, ok = 0., 0
        with torch.no_grad(), writer.evaluating("val"):
            for x, y in batches(dev, 200, False):
                o = model(x)
                dl += criterion(o, y).item() * len(y) / len(dev)
                ok += (o.argmax(1) == y).sum().item()
        print(f"epoch {ep}  train {run:.4f}  dev {dl:.4f}  acc {ok / len(dev):.3f}")
    writer.close()
    print(f"RESULT train={run:.4f} dev={dl:.4f} acc={ok/len(dev):.3f}")


main(sys.argv[1])
