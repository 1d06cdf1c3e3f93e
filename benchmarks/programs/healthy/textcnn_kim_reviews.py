#!/usr/bin/env python3
# Kim's CNN for sentences, after Shawn1993/cnn-text-classification-pytorch (main.py, model.py, train.py)
import argparse, os, sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
parser = argparse.ArgumentParser(description='CNN text classificer')
parser.add_argument('logdir')
parser.add_argument('-lr', type=float, default=0.002)
parser.add_argument('-epochs', type=int, default=6)
parser.add_argument('-batch-size', type=int, default=64)
parser.add_argument('-log-interval', type=int, default=50)
parser.add_argument('-test-interval', type=int, default=100)
parser.add_argument('-early-stop', type=int, default=300)
parser.add_argument('-dropout', type=float, default=0.5)
parser.add_argument('-max-norm', type=float, default=3.0)
parser.add_argument('-embed-dim', type=int, default=32)
parser.add_argument('-kernel-num', type=int, default=24)
parser.add_argument('-kernel-sizes', type=str, default='3,4,5')
args = parser.parse_args()
rng = np.random.default_rng(11); torch.manual_seed(11)

# movie review snippets: polarity words, negations that turn the next polarity word, intensifiers, much filler
VOC = 900
kind = rng.choice(4, VOC, p=[.66, .16, .16, .02]); kind[:5] = 0          # filler, positive, negative, negator
freq = 1 / np.arange(1, VOC + 1) ** .8; freq /= freq.sum()
strength = rng.gamma(2., .6, VOC)
def snippet():
    n = int(rng.integers(8, 30)); w = rng.choice(np.arange(1, VOC), n, p=freq[1:] / freq[1:].sum())
    tone = rng.normal()
    s, neg = 0., 1.
    for i in range(n):
        if kind[w[i]] in (1, 2):
            if rng.random() < .5:                                     # reviewers mostly speak in one tone
                cand = np.flatnonzero(kind == (1 if tone * neg > 0 else 2)); w[i] = cand[int(rng.beta(.7, 2) * len(cand))]
            s += (1 if kind[w[i]] == 1 else -1) * neg * strength[w[i]]
        neg = -1. if kind[w[i]] == 3 else (neg if rng.random() < .3 else 1.)
    y = int(s + rng.normal(0, .4) > 0)                                  # stars are not quite the words
    return w.tolist(), y
data = [snippet() for _ in range(9000)]
train_set, dev_set = data[:8000], data[8000:]


def batches(ds, bs, shuffle):
    order = rng.permutation(len(ds)) if shuffle else np.arange(len(ds))
    for i in range(0, len(ds), bs):
        b = [ds[j] for j in order[i:i + bs]]
        L = max(5, max(len(x) for x, _ in b))
        yield torch.tensor([x + [0] * (L - len(x)) for x, _ in b]), torch.tensor([y for _, y in b])


class CNN_Text(nn.Module):
    def __init__(self, args):
        super().__init__()
        Ks = [int(k) for k in args.kernel_sizes.split(',')]
        self.embed = nn.Embedding(VOC, args.embed_dim)
        self.convs = nn.ModuleList([nn.Conv2d(1, args.kernel_num, (K, args.embed_dim)) for K in Ks])
        self.dropout = nn.Dropout(args.dropout)
        self.fc1 = nn.Linear(len(Ks) * args.kernel_num, 2)

    def forward(self, x):
        x = self.embed(x).unsqueeze(1)
        x = [F.relu(conv(x)).squeeze(3) for conv in self.convs]
        x = [F.max_pool1d(i, i.size(2)).squeeze(2) for i in x]
        return self.fc1(self.dropout(torch.cat(x, 1)))


def evaluate(model):
    model.eval()
    corrects, avg_loss = 0, 0
    with writer.evaluating('val'):
        for feature, target in batches(dev_set, 250, False):
            logit = model(feature)
            avg_loss += F.cross_entropy(logit, target).item() * len(target)
            corrects += (logit.argmax(1) == target).sum().item()
    model.train()
    print('\nEvaluation - loss: {:.6f}  acc: {:.4f}%({}/{})'.format(avg_loss / len(dev_set), 100. * corrects / len(dev_set), corrects, len(dev_set)))
    return corrects / len(dev_set), avg_loss / len(dev_set)


def train(model, args):
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    writer.watch(model, optimizer, F.cross_entropy)
    steps, best_acc, last_step = 0, 0, 0
    model.train()
    for epoch in range(1, args.epochs + 1):
        for feature, target in batches(train_set, args.batch_size, True):
            optimizer.zero_grad()
            logit = model(feature)
            loss = F.cross_entropy(logit, target)
            loss.backward()
            optimizer.step()
            steps += 1
            if steps % args.log_interval == 0:
                print('Batch[{}] - loss: {:.6f}'.format(steps, loss.item()))
            if steps % args.test_interval == 0:
                dev_acc, dev_loss = evaluate(model)
                if dev_acc > best_acc:
                    best_acc, last_step, at = dev_acc, steps, dev_loss
                elif steps - last_step >= args.early_stop:
                    print('early stop by {} steps.'.format(args.early_stop))
                    return best_acc, at, loss.item(), dev_loss, steps
    return best_acc, at, loss.item(), dev_loss, steps


writer = DiagWriter(args.logdir)
res = train(CNN_Text(args), args)
writer.close()
print('RESULT best dev acc %.4f (loss %.4f), last train loss %.4f dev loss %.4f after %d steps' % res)
