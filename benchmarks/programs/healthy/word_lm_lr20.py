import argparse
import glob
import math
import os
import re
from collections import Counter

import torch
import torch.nn as nn

from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser(description='LSTM word language model over Python source')
parser.add_argument('logdir')
parser.add_argument('--emsize', type=int, default=64)
parser.add_argument('--nhid', type=int, default=64)
parser.add_argument('--lr', type=float, default=20, help='initial learning rate')
parser.add_argument('--clip', type=float, default=0.25, help='gradient clipping')
parser.add_argument('--epochs', type=int, default=10)
parser.add_argument('--batch_size', type=int, default=20)
parser.add_argument('--bptt', type=int, default=35)
parser.add_argument('--dropout', type=float, default=0.2)
parser.add_argument('--seed', type=int, default=1111)
args = parser.parse_args()
torch.manual_seed(args.seed)
torch.set_num_threads(1)


class Corpus:
    def __init__(self, nvocab=400, ntok=90000):
        root = os.path.dirname(os.__file__)
        toks = []
        for f in sorted(glob.glob(os.path.join(root, '[a-m]*.py'))):
            with open(f, encoding='utf-8', errors='ignore') as fh:
                for line in fh:
                    toks += re.findall(r'[A-Za-z_]+|[^\sA-Za-z_0-9]', line) + ['<eos>']
            if len(toks) > ntok:
                break
        toks = toks[:ntok]
        common = [w for w, _ in Counter(toks).most_common(nvocab - 1)]
        self.w2i = {w: i + 1 for i, w in enumerate(common)}
        ids = torch.tensor([self.w2i.get(w, 0) for w in toks])
        # alternate pieces of the files between the splits
        pieces = ids[:len(ids) // 1000 * 1000].view(-1, 1000)
        isval = torch.arange(len(pieces)) % 10 == 9
        self.train, self.valid = pieces[~isval].flatten(), pieces[isval].flatten()
        self.n = nvocab


class RNNModel(nn.Module):
    def __init__(self, ntoken, ninp, nhid, dropout):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = nn.LSTM(ninp, nhid, 1)
        self.decoder = nn.Linear(nhid, ntoken)
        self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, x, hidden):
        out, hidden = self.rnn(self.drop(self.encoder(x)), hidden)
        return self.decoder(self.drop(out)), hidden


def batchify(data, bsz):
    nb = data.size(0) // bsz
    return data[:nb * bsz].view(bsz, -1).t().contiguous()


def get_batch(source, i):
    n = min(args.bptt, len(source) - 1 - i)
    return source[i:i + n], source[i + 1:i + 1 + n].reshape(-1)


corpus = Corpus()
train_data, val_data = batchify(corpus.train, args.batch_size), batchify(corpus.valid, 10)
model = RNNModel(corpus.n, args.emsize, args.nhid, args.dropout)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, criterion)


def zeros(b):
    return torch.zeros(1, b, args.nhid), torch.zeros(1, b, args.nhid)


def evaluate():
    model.eval()
    total, hidden = 0., zeros(10)
    with torch.no_grad(), writer.evaluating("val"):
        for i in range(0, val_data.size(0) - 1, args.bptt):
            x, y = get_batch(val_data, i)
            out, hidden = model(x, hidden)
            total += len(x) * criterion(out.view(-1, corpus.n), y).item()
    return total / (len(val_data) - 1)


best = None
for epoch in range(1, args.epochs + 1):
    model.train()
    total, hidden = 0., zeros(args.batch_size)
    for b, i in enumerate(range(0, train_data.size(0) - 1, args.bptt)):
        x, y = get_batch(train_data, i)
        hidden = tuple(h.detach() for h in hidden)
        optimizer.zero_grad()
        out, hidden = model(x, hidden)
        loss = criterion(out.view(-1, corpus.n), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), args.clip)
        optimizer.step()
        total += loss.item()
    v = evaluate()
    print('| epoch %d | lr %.3f | train loss %.3f | valid loss %.3f | valid ppl %.2f' % (
        epoch, optimizer.param_groups[0]['lr'], total / (b + 1), v, math.exp(v)))
    if best is None or v < best - 0.02:
        best = v
    else:
        optimizer.param_groups[0]['lr'] /= 4.0
writer.close()
