"""fastbook chapter 12, "A Language Model from Scratch": LMModel7 (AWD-LSTM ideas) on HUMAN_NUMBERS, without fastai."""
import sys

import torch
from torch import nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(12)

ones = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
tens = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()


def spell(n):
    if n < 20:
        return ones[n]
    if n < 100:
        return tens[n // 10] + (" " + ones[n % 10] if n % 10 else "")
    if n < 1000:
        return ones[n // 100] + " hundred" + (" " + spell(n % 100) if n % 100 else "")
    return spell(n // 1000) + " thousand" + (" " + spell(n % 1000) if n % 1000 else "")


# runs of 16 consecutive numbers, shuffled, so that the validation set has numbers of every size
starts = torch.randperm(9984 // 16) * 16 + 1
text = " . ".join(spell(int(s) + k) for s in starts for k in range(16))
tokens = text.split(" ")
vocab = sorted(set(tokens), key=tokens.index)
word2idx = {w: i for i, w in enumerate(vocab)}
nums = torch.tensor([word2idx[t] for t in tokens])
print(len(tokens), len(vocab), tokens[:12])

sl, bs = 16, 32
seqs = [(nums[i:i + sl], nums[i + 1:i + sl + 1]) for i in range(0, len(nums) - sl - 1, sl)]


def group_chunks(ds, bs):
    m = len(ds) // bs
    new_ds = []
    for i in range(m):
        new_ds += [ds[i + m * j] for j in range(bs)]
    return new_ds


cut = int(len(seqs) * 0.8)
train = group_chunks(seqs[:cut], bs)
valid = group_chunks(seqs[cut:], bs)
batches = lambda ds: [tuple(torch.stack(t) for t in zip(*ds[i:i + bs])) for i in range(0, len(ds) - bs + 1, bs)]


class LMModel7(nn.Module):
    def __init__(self, vocab_sz, n_hidden, n_layers, p):
        super().__init__()
        self.i_h = nn.Embedding(vocab_sz, n_hidden)
        self.rnn = nn.LSTM(n_hidden, n_hidden, n_layers, batch_first=True)
        self.drop = nn.Dropout(p)
        self.h_o = nn.Linear(n_hidden, vocab_sz)
        self.h_o.weight = self.i_h.weight           # weight tying
        self.n_layers, self.n_hidden = n_layers, n_hidden
        self.reset()

    def forward(self, x):
        raw, h = self.rnn(self.i_h(x), self.h)
        out = self.drop(raw)
        self.h = [h_.detach() for h_ in h]
        return self.h_o(out), raw, out

    def reset(self):
        self.h = [torch.zeros(self.n_layers, bs, self.n_hidden) for _ in range(2)]


class CrossEntropyFlat(nn.Module):
    def forward(self, inp, targ):
        return F.cross_entropy(inp.view(-1, inp.shape[-1]), targ.view(-1))


n_epoch = 8
model = LMModel7(len(vocab), 64, 2, 0.4)
train_b, valid_b = batches(train), batches(valid)
opt = torch.optim.AdamW(model.parameters(), lr=1e-2, betas=(0.9, 0.99), eps=1e-5, weight_decay=0.1)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=1e-2, total_steps=n_epoch * len(train_b), pct_start=.25, div_factor=25)
loss_func = CrossEntropyFlat()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, loss_func)
alpha, beta = 2., 1.
print("epoch  train_loss  valid_loss  accuracy")
for epoch in range(n_epoch):
    model.train()
    model.reset()
    tot = 0.
    for xb, yb in train_b:
        preds, raw, out = model(xb)
        ce = loss_func(preds, yb)
        loss = ce + alpha * out.pow(2).mean() + beta * (raw[:, 1:] - raw[:, :-1]).pow(2).mean()     # AR and TAR
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.)
        opt.step()
        sched.step()
        opt.zero_grad()
        tot += ce.item()
    model.eval()
    model.reset()
    vl = va = 0.
    with writer.evaluating("val"), torch.no_grad():
        for xb, yb in valid_b:
            preds, _, _ = model(xb)
            vl += loss_func(preds, yb).item()
            va += (preds.argmax(-1) == yb).float().mean().item()
    print(f"{epoch:5d}  {tot / len(train_b):.6f}  {vl / len(valid_b):.6f}  {va / len(valid_b):.6f}")
writer.close()
print(f"RESULT train {tot / len(train_b):.4f} val {vl / len(valid_b):.4f} acc {va / len(valid_b):.4f}")
