# coding: utf-8
"""Word LM with nn.AdaptiveLogSoftmaxWithLoss over a 5000 word zipf vocabulary; the criterion owns most of the parameters."""
import math
import sys
import time
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1111)
rng = np.random.default_rng(1111)
V, K, bptt, batch_size = 5000, 12, 25, 20


def corpus(n):
    """syntax-like: a chain over 12 word classes, zipf words in each class, plus a document topic that tilts them"""
    out = np.empty(n, dtype=np.int64)
    s = 0
    for i in range(n):
        if i % 400 == 0:
            topic = rng.integers(4)
        s = rng.choice(K, p=TRANS[s])
        w = min(int(rng.pareto(1.1) * 3), V // K // 4 - 1)
        out[i] = (w * 4 + (topic if rng.random() < 0.6 else rng.integers(4))) * K + s
    return torch.from_numpy(np.minimum(out, V - 1))


TRANS = rng.dirichlet([0.25] * K, K)
raw = corpus(150_000)
freq = torch.bincount(raw, minlength=V)
rank = torch.empty(V, dtype=torch.long)
rank[freq.argsort(descending=True)] = torch.arange(V)      # ids sorted by frequency, as the adaptive softmax wants
data = rank[raw]


def batchify(d, bsz):
    n = d.size(0) // bsz
    return d[:n * bsz].view(bsz, n).t().contiguous()


train_data, val_data = batchify(data[:130_000], batch_size), batchify(data[130_000:], 10)


class RNNModel(nn.Module):
    def __init__(self, ninp=48, nhid=64):
        super().__init__()
        self.drop = nn.Dropout(0.3)
        self.encoder = nn.Embedding(V, ninp)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        self.rnn = nn.GRU(ninp, nhid)

    def forward(self, x, h):
        o, h = self.rnn(self.drop(self.encoder(x)), h)
        return self.drop(o), h


model = RNNModel()
criterion = nn.AdaptiveLogSoftmaxWithLoss(64, V, cutoffs=[200, 1000], div_value=2.0)
params = list(model.parameters()) + list(criterion.parameters())
lr, epochs = 0.006, 5
optimizer = torch.optim.AdamW(params, lr=lr, weight_decay=0.02)
n_steps = epochs * math.ceil((len(train_data) - 1) / bptt)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=n_steps)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)


def evaluate():
    model.eval()
    tot, h = 0., None
    with torch.no_grad():
        for i in range(0, len(val_data) - 1, bptt):
            n = min(bptt, len(val_data) - 1 - i)
            o, h = model(val_data[i:i + n], h)
            tot += n * criterion(o.flatten(0, 1), val_data[i + 1:i + 1 + n].flatten()).loss.item()
    model.train()
    return tot / (len(val_data) - 1)


for epoch in range(1, epochs + 1):
    start, hidden, total, cnt = time.time(), None, 0., 0
    for i in range(0, len(train_data) - 1, bptt):
        n = min(bptt, len(train_data) - 1 - i)
        hidden = hidden.detach() if hidden is not None else None
        out, hidden = model(train_data[i:i + n], hidden)
        loss = criterion(out.flatten(0, 1), train_data[i + 1:i + 1 + n].flatten()).loss
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(params, 0.25)
        optimizer.step()
        scheduler.step()
        writer.add_loss("train", loss.item())
        total, cnt = total + loss.item(), cnt + 1
    val = evaluate()
    writer.add_loss("val", val)
    print('| end of epoch {:3d} | time: {:5.2f}s | train loss {:5.3f} | valid loss {:5.3f} | valid ppl {:8.2f}'.format(epoch, time.time() - start, total / cnt, val, math.exp(val)))
writer.close()
