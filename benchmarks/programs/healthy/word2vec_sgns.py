"""Skip-gram with negative sampling on the words of Python's own sources: sparse embeddings, SparseAdam, linear decay."""
import collections, inspect, re, sys, random
import argparse, ast, asyncio.base_events, calendar, collections as c2, configparser, csv, datetime, decimal, difflib, doctest, email.message, enum, functools, inspect as insp, json.decoder, logging, optparse, os, pdb, pickle, pydoc, shutil, smtplib, socket, statistics, subprocess, tarfile, tempfile, textwrap, threading, tokenize, turtle, typing, unittest.case, unittest.mock, urllib.request, zipfile
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter


class SkipGramModel(nn.Module):
    def __init__(self, emb_size, emb_dimension):
        super().__init__()
        self.u_embeddings = nn.Embedding(emb_size, emb_dimension, sparse=True)
        self.v_embeddings = nn.Embedding(emb_size, emb_dimension, sparse=True)
        initrange = 1.0 / emb_dimension
        nn.init.uniform_(self.u_embeddings.weight.data, -initrange, initrange)
        nn.init.constant_(self.v_embeddings.weight.data, 0)

    def forward(self, pos_u, pos_v, neg_v):
        emb_u = self.u_embeddings(pos_u)
        emb_v = self.v_embeddings(pos_v)
        emb_neg_v = self.v_embeddings(neg_v)
        score = torch.sum(emb_u * emb_v, dim=1).clamp(-10, 10)
        neg_score = torch.bmm(emb_neg_v, emb_u.unsqueeze(2)).squeeze(2).clamp(-10, 10)
        return torch.mean(-F.logsigmoid(score) - torch.sum(F.logsigmoid(-neg_score), dim=1))


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0); np.random.seed(0); random.seed(0)
    modules = [argparse, ast, asyncio.base_events, calendar, c2, configparser, csv, datetime, decimal, difflib, doctest, email.message, enum, functools, insp, json.decoder, logging, optparse, os, pdb, pickle, pydoc, shutil, smtplib, socket, statistics, subprocess, tarfile, tempfile, textwrap, threading, tokenize, turtle, typing, unittest.case, unittest.mock, urllib.request, zipfile]
    words = re.findall(r"[a-z]+", " ".join(inspect.getsource(m) for m in modules).lower())
    count = collections.Counter(words)
    vocab = [w for w, n in count.most_common() if n >= 8]
    w2i = {w: i for i, w in enumerate(vocab)}
    freq = np.array([count[w] for w in vocab], dtype=float)
    ids = np.array([w2i[w] for w in words if w in w2i])
    keep = np.minimum(1, np.sqrt(1e-3 / (freq / freq.sum())))
    ids = ids[np.random.rand(len(ids)) < keep[ids]]
    pairs = np.concatenate([np.stack([ids[: -k], ids[k:]], 1) for k in range(1, 5)])
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    neg_p = torch.tensor(freq**0.75)
    np.random.shuffle(pairs)
    held, pairs = torch.tensor(pairs[:8192].copy()), torch.tensor(pairs[8192:].copy())
    model = SkipGramModel(len(vocab), 50)
    batch, epochs = 256, 1
    steps = 2500
    optimizer = torch.optim.SparseAdam(list(model.parameters()), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optimizer)
    held_neg = torch.multinomial(neg_p, len(held) * 5, replacement=True).view(-1, 5)
    for step in range(steps):
        b = pairs[step * batch % (len(pairs) - batch) :][:batch]
        neg = torch.multinomial(neg_p, batch * 5, replacement=True).view(batch, 5)
        loss = model(b[:, 0], b[:, 1], neg)
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if step % 500 == 499:
            with writer.evaluating("val"):
                val = model(held[:, 0], held[:, 1], held_neg)
                writer.add_loss("val", val)
    e = F.normalize(model.u_embeddings.weight.detach(), dim=1)
    near = [vocab[j] for j in (e @ e[w2i["file"]]).topk(6).indices.tolist()]
    print(f"RESULT vocab {len(vocab)} pairs {len(pairs)} train {loss.item():.3f} val {val.item():.3f} start 4.159; near file: {near}")
    writer.close()


if __name__ == "__main__":
    main()
