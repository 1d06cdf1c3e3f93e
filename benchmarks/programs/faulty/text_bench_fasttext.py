"""main.py of a text classification benchmark, cut down to one model and one corpus"""
import argparse
import random
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty, logdir = sys.argv[1] == "faulty", sys.argv[2]

opt = argparse.Namespace(vocab_size=3000, embedding_dim=64, label_size=4, max_seq_len=50, batch_size=64, learning_rate=0.001,
                         max_epoch=9, seed=2, kernel_sizes=[2, 3, 4], kernel_num=32, keep_dropout=0.8)
random.seed(opt.seed)
np.random.seed(opt.seed)
torch.manual_seed(opt.seed)


def make_corpus(n, topics, common):
    X = np.zeros((n, opt.max_seq_len), dtype=np.int64)
    y = np.random.randint(0, opt.label_size, n)
    for i in range(n):
        length = np.random.randint(15, opt.max_seq_len + 1)
        words = np.random.choice(opt.vocab_size - 1, length, p=common) + 1
        k = np.random.rand(length) < 0.2
        words[k] = np.random.choice(topics[y[i]], k.sum())
        other = np.random.rand(length) < 0.05
        words[other] = np.random.choice(topics[np.random.randint(opt.label_size)], other.sum())
        X[i, :length] = words
    return torch.from_numpy(X), torch.from_numpy(y)


class CNNText(nn.Module):
    def __init__(self, opt):
        super().__init__()
        self.encoder = nn.Embedding(opt.vocab_size, opt.embedding_dim, padding_idx=0)
        self.convs = nn.ModuleList(nn.Conv1d(opt.embedding_dim, opt.kernel_num, k) for k in opt.kernel_sizes)
        self.drop = nn.Dropout(1 - opt.keep_dropout)
        self.fc = nn.Linear(opt.kernel_num * len(opt.kernel_sizes), opt.label_size)

    def forward(self, content):
        e = self.encoder(content).transpose(1, 2)
        h = [F.relu(c(e)).max(dim=2)[0] for c in self.convs]
        return self.fc(self.drop(torch.cat(h, 1)))


def test(model, X, y):
    model.eval()
    with writer.evaluating("test"):
        out = torch.cat([model(X[i:i + 500]) for i in range(0, len(X), 500)])
        loss = F.cross_entropy(out, y).item()
    model.train()
    return loss, (out.argmax(1) == y).float().mean().item()


p = 1.0 / np.arange(10, opt.vocab_size + 9)
p /= p.sum()
topics = [np.random.choice(np.arange(200, opt.vocab_size), 150, replace=False) for _ in range(opt.label_size)]
train_x, train_y = make_corpus(6000, topics, p)
test_x, test_y = make_corpus(1000, topics, p)

model = CNNText(opt)
optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=opt.learning_rate)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, F.cross_entropy)
model.train()
optimizer.zero_grad()
for i in range(opt.max_epoch):
    perm = torch.randperm(len(train_x))
    for epoch in range(0, len(perm), opt.batch_size):
        idx = perm[epoch:epoch + opt.batch_size]
        if not faulty:
            optimizer.zero_grad()
        predicted = model(train_x[idx])
        loss = F.cross_entropy(predicted, train_y[idx])
        loss.backward()
        optimizer.step()
    tl, ta = test(model, test_x, test_y)
    print("%d ITERATION: loss %.4f test loss %.4f acc %.4f" % (i, loss.item(), tl, ta), flush=True)
writer.close()
print(f"RESULT test loss {tl:.4f} acc {ta:.4f}")
