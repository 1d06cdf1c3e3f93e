"""A small language-model miner: next-token training of a recurrent net with SGD and momentum."""
import argparse
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils import clip_grad_norm_
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class FFNNMiner(nn.Module):
    def __init__(self, vocab, emb=24, hid=64):
        super().__init__()
        self.embedding = nn.Embedding(vocab, emb)
        self.rnn = nn.RNN(emb, hid, num_layers=1, nonlinearity="relu", batch_first=True)
        self.target_layer = nn.Linear(hid, vocab)
        nn.init.eye_(self.rnn.weight_hh_l0)
        nn.init.normal_(self.rnn.weight_ih_l0, std=0.05)

    def forward(self, tokens):
        h, _ = self.rnn(self.embedding(tokens[:, :-1]))
        return self.target_layer(h)


def corpus(n, seed=0):
    """brackets, digits to be repeated, and words: something that needs a memory"""
    r = np.random.RandomState(seed)
    words = ["mine", "hash", "node", "peer", "stake", "axon", "synapse", "block"]
    s = []
    while len(s) < n:
        k = r.randint(3)
        if k == 0:
            a = str(r.randint(100, 999))
            s += list(f"<{a}:{words[r.randint(8)]}:{a}>")
        elif k == 1:
            a = words[r.randint(8)]
            s += list(f"({a} {words[r.randint(8)]} {a})")
        else:
            s += list(words[r.randint(8)] + " ")
    return "".join(s[:n])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("form")
    p.add_argument("logdir")
    p.add_argument("--learning_rate", type=float, default=0.2)
    p.add_argument("--momentum", type=float, default=0.8)
    p.add_argument("--clip_gradients", type=float, default=1.0)
    p.add_argument("--epoch_length", type=int, default=100)
    p.add_argument("--n_epochs", type=int, default=12)
    cfg = p.parse_args()
    torch.manual_seed(0)
    text = corpus(60000)
    itos = sorted(set(text))
    ids = torch.tensor([itos.index(c) for c in text])
    train, val = ids[:50000], ids[50000:]
    nucleus = FFNNMiner(len(itos))
    optimizer = torch.optim.SGD(nucleus.parameters(), lr=cfg.learning_rate, momentum=cfg.momentum)
    writer = DiagWriter(cfg.logdir)
    writer.watch(nucleus, optimizer, F.cross_entropy)
    T = 80
    vx = val[:len(val) // (T + 1) * (T + 1)].view(-1, T + 1)
    for epoch in range(cfg.n_epochs):
        for _ in range(cfg.epoch_length):
            i = torch.randint(0, len(train) - T - 1, (16,))
            batch = torch.stack([train[k:k + T + 1] for k in i])
            out = nucleus(batch)
            loss = F.cross_entropy(out.reshape(-1, out.shape[-1]), batch[:, 1:].reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            if cfg.form == "fixed":
                clip_grad_norm_(nucleus.parameters(), cfg.clip_gradients)
            optimizer.step()
        with writer.evaluating("val"), torch.no_grad():
            out = nucleus(vx)
            v = F.cross_entropy(out.reshape(-1, out.shape[-1]), vx[:, 1:].reshape(-1)).item()
        print(f"Epoch {epoch}: loss {loss.item():.3f} val {v:.3f}")
    writer.close()
    print(f"RESULT val cross entropy {v:.4f}")


main()
