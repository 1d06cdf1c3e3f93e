"""Word-level LSTM language model, train.py in the manner of the PyTorch word_language_model example."""
import sys
import re
import math
import time
import collections
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

CONFIG = {
    "emsize": 64, "nhid": 96, "nlayers": 1, "dropout": 0.3, "bptt": 20, "batch_size": 20,
    "epochs": 8, "clip": 0.25, "optimizer": "adam", "lr": 1e-3, "seed": 1111, "vocab": 1200,
}


class Corpus:
    def __init__(self, vocab):
        import argparse, email.message, doctest, optparse, inspect, unittest.case, subprocess, tarfile, logging, decimal, pickle, turtle
        toks = []
        for m in (argparse, email.message, doctest, optparse, inspect, unittest.case, subprocess, tarfile, logging, decimal, pickle, turtle):
            src = open(m.__file__, errors="ignore").read()
            toks.append(re.findall(r"[A-Za-z_]+|[0-9]+|[^\sA-Za-z0-9_]", src))
        cnt = collections.Counter(t for part in toks for t in part)
        itos = ["<unk>"] + [w for w, _ in cnt.most_common(vocab - 1)]
        stoi = {w: i for i, w in enumerate(itos)}
        tr, va, te = [], [], []
        for part in toks:
            p = [stoi.get(t, 0) for t in part][:6000]
            a, b = int(len(p) * 0.8), int(len(p) * 0.9)
            tr += p[:a]
            va += p[a:b]
            te += p[b:]
        self.train, self.valid, self.test = map(torch.tensor, (tr, va, te))
        self.ntokens = len(itos)


class RNNModel(nn.Module):
    def __init__(self, ntoken, c):
        super().__init__()
        self.drop = nn.Dropout(c["dropout"])
        self.encoder = nn.Embedding(ntoken, c["emsize"])
        self.rnn = nn.LSTM(c["emsize"], c["nhid"], c["nlayers"])
        self.decoder = nn.Linear(c["nhid"], ntoken)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)
        self.c = c

    def forward(self, inp, hidden):
        out, hidden = self.rnn(self.drop(self.encoder(inp)), hidden)
        return self.decoder(self.drop(out)), hidden

    def init_hidden(self, bsz):
        z = torch.zeros(self.c["nlayers"], bsz, self.c["nhid"])
        return z, z.clone()


def batchify(data, bsz):
    n = data.size(0) // bsz
    return data[:n * bsz].view(bsz, -1).t().contiguous()


def repackage(h):
    return tuple(v.detach() for v in h)


def main(form, logdir):
    c = dict(CONFIG)
    if form == "faulty":
        c["lr"] = 1.0
    torch.manual_seed(c["seed"])
    torch.set_num_threads(1)
    corpus = Corpus(c["vocab"])
    train, valid, test = batchify(corpus.train, c["batch_size"]), batchify(corpus.valid, 10), batchify(corpus.test, 10)
    print("tokens", len(corpus.train), "batches", len(train) // c["bptt"])
    model = RNNModel(corpus.ntokens, c)
    criterion = nn.CrossEntropyLoss()
    opt = torch.optim.Adam(model.parameters(), lr=c["lr"])
    sched = torch.optim.lr_scheduler.StepLR(opt, 6, 0.3)
    writer = DiagWriter(logdir)
    writer.watch(model, opt, criterion)

    def get(src, i):
        L = min(c["bptt"], len(src) - 1 - i)
        return src[i:i + L], src[i + 1:i + 1 + L].reshape(-1)

    def evaluate(src):
        hidden = model.init_hidden(src.size(1))
        total, n = 0.0, 0
        for i in range(0, src.size(0) - 1, c["bptt"]):
            x, y = get(src, i)
            out, hidden = model(x, hidden)
            total += criterion(out.view(-1, corpus.ntokens), y).item() * len(x)
            n += len(x)
        return total / n

    for epoch in range(1, c["epochs"] + 1):
        model.train()
        t0, tot, hidden, k = time.time(), 0.0, model.init_hidden(c["batch_size"]), 0
        for i in range(0, train.size(0) - 1, c["bptt"]):
            x, y = get(train, i)
            hidden = repackage(hidden)
            opt.zero_grad()
            out, hidden = model(x, hidden)
            loss = criterion(out.view(-1, corpus.ntokens), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), c["clip"])
            opt.step()
            tot += loss.item()
            k += 1
        with writer.evaluating("val"):
            vl = evaluate(valid)
        sched.step()
        print("| end of epoch %d | %.1fs | train %.3f | valid %.3f" % (epoch, time.time() - t0, tot / k, vl))

    with writer.evaluating("test"):
        tl = evaluate(test)
    writer.close()
    print("RESULT test_loss %.4f test_ppl %.1f" % (tl, math.exp(min(tl, 30))))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
