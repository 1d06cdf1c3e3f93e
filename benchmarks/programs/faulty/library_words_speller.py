"""Character GRU over the words of Python's own standard library sources, with linear warm-up.

python library_words_speller.py FORM LOGDIR
"""
import glob
import math
import os
import random
import re
import sys
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter


@dataclass
class Config:
    hidden: int = 64
    emb: int = 24
    batch_size: int = 64
    epochs: int = 8
    lr: float = 3e-3
    warmup_steps: int = 300
    clip: float = 1.0
    seed: int = 11


def words_of_stdlib():
    words = set()
    for path in sorted(glob.glob(os.path.dirname(os.__file__) + "/*.py"))[:120]:
        text = open(path, encoding="utf8", errors="ignore").read()
        words.update(w.lower() for w in re.findall(r"[A-Za-z]{4,14}", text))
    return sorted(words)


class Speller(nn.Module):
    def __init__(self, vocab, cfg):
        super().__init__()
        self.emb = nn.Embedding(vocab, cfg.emb)
        self.rnn = nn.GRU(cfg.emb, cfg.hidden, batch_first=True)
        self.out = nn.Linear(cfg.hidden, vocab)

    def forward(self, x):
        return self.out(self.rnn(self.emb(x))[0])


def encode(words):
    data = torch.zeros(len(words), 16, dtype=torch.long)
    for i, w in enumerate(words):
        data[i, 1:len(w) + 1] = torch.tensor([ord(c) - 95 for c in w])
        data[i, 0] = 1
        data[i, len(w) + 1:] = 0
    return data


def lm_loss(logits, target):
    return F.cross_entropy(logits.reshape(-1, logits.size(-1)), target.reshape(-1))


def main(form, logdir):
    cfg = Config()
    torch.manual_seed(cfg.seed)
    random.seed(cfg.seed)
    torch.set_num_threads(1)
    words = words_of_stdlib()
    random.shuffle(words)
    words = words[:7000]
    data = encode(words)
    n_val = len(data) // 8
    val, train = data[:n_val], data[n_val:]
    model = Speller(30, cfg)
    opt = torch.optim.AdamW(model.parameters(), lr=cfg.lr)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, (s + 1) / cfg.warmup_steps))
    writer = DiagWriter(logdir)
    writer.watch(model, opt, lm_loss)
    step = 0
    for epoch in range(cfg.epochs):
        model.train()
        perm = torch.randperm(len(train))
        for i in range(0, len(train), cfg.batch_size):
            batch = train[perm[i:i + cfg.batch_size]]
            loss = writer.loss_fn(model(batch[:, :-1]), batch[:, 1:])
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), cfg.clip)
            opt.step()
            if form == "fixed":
                sched.step()
            step += 1
        if form == "faulty":
            sched.step()
        writer.add_scalar("lr", sched.get_last_lr()[0], epoch)
        model.eval()
        tot = 0.0
        with writer.evaluating("val"):
            for i in range(0, len(val), 256):
                b = val[i:i + 256]
                tot += writer.loss_fn(model(b[:, :-1]), b[:, 1:]).item() * len(b)
        print(epoch, step, "train", round(loss.item(), 3), "val", round(tot / len(val), 4))
    writer.close()
    print("RESULT val_nll", round(tot / len(val), 4), "ppl", round(math.exp(tot / len(val)), 3))


main(sys.argv[1], sys.argv[2])
