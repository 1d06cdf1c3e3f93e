"""Restore punctuation: which mark (none , . : ) follows each word of Python's documentation. 85 % of the words have none,
the classes are left as they are. Word hashing embeddings + BiGRU."""
import sys, re, zlib
import numpy as np
import torch
from torch import nn
from pydoc_data.topics import topics
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
MARKS = ['', ',', '.', ':']
HASH, LEN = 3000, 40


def tokens(text):
    text = re.sub(r'\n\s*\n', ' ', text)
    w, m = [], []
    for word, mark in re.findall(r"([A-Za-z_][A-Za-z_'\-]*)[\"'`)\]*]*([,.:]?)(?=\s|$)", text):
        w.append(zlib.crc32(word.lower().encode()) % HASH)
        m.append(MARKS.index(mark))
    return w, m


keys = sorted(topics)
np.random.RandomState(4).shuffle(keys)


def chunks(ks):
    W, M = [], []
    for k in ks:
        w, m = tokens(topics[k])
        for i in range(0, len(w) - LEN, LEN):
            W.append(w[i:i + LEN]); M.append(m[i:i + LEN])
    return torch.tensor(W), torch.tensor(M)


W, M = chunks(keys)
perm = torch.randperm(len(W))
W, M = W[perm], M[perm]
n_val = len(W) // 6
Wv, Mv, Wt, Mt = W[:n_val], M[:n_val], W[n_val:], M[n_val:]
freq = torch.bincount(Mt.flatten(), minlength=4) / Mt.numel()
print(len(Wt), 'training chunks,', n_val, 'validation chunks, frequencies', freq.tolist())


class Restorer(nn.Module):
    def __init__(self, emb=32, hid=40):
        super().__init__()
        self.emb = nn.Embedding(HASH, emb)
        nn.init.normal_(self.emb.weight, std=.1)
        self.rnn = nn.GRU(emb, hid, bidirectional=True, batch_first=True)
        self.do = nn.Dropout(.4)
        self.fc = nn.Linear(2 * hid, 4)

    def forward(self, w):
        return self.fc(self.do(self.rnn(self.do(self.emb(w)))[0]))


model = Restorer()
ce = nn.CrossEntropyLoss()
opt = torch.optim.Adam(model.parameters(), lr=1.2e-2)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, ce)
EPOCHS = 10
best = (9, None)
for ep in range(EPOCHS):
    model.train()
    tot = 0
    order = torch.randperm(len(Wt)).split(16)
    for b in order:
        opt.zero_grad()
        loss = ce(model(Wt[b]).transpose(1, 2), Mt[b])
        loss.backward()
        opt.step()
        tot += loss.item()
    for g in opt.param_groups:
        g['lr'] *= .8
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(Wv)
        vl = ce(out.transpose(1, 2), Mv).item()
    pred = out.argmax(-1)
    tp = ((pred == Mv) & (Mv > 0)).sum().item()
    f1 = 2 * tp / ((pred > 0).sum().item() + (Mv > 0).sum().item())
    print(f'epoch {ep + 1} train {tot / len(order):.4f} val {vl:.4f} punctuation f1 {f1:.3f}')
writer.close()
prior = -(torch.bincount(Mv.flatten(), minlength=4) / Mv.numel() * freq.log()).sum().item()
print(f'RESULT train_loss={tot / len(order):.4f} val_loss={vl:.4f} prior_loss={prior:.4f} f1={f1:.4f}')
