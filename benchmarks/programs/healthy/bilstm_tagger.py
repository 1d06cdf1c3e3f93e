"""Token tagging of Python source (keyword / name / number / operator / string ...) from characters of hashed tokens; packed sequences, padded labels ignored."""
import sys, io, tokenize, inspect, argparse, json.decoder, heapq, textwrap
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence, pad_packed_sequence
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
LR = 3e-3
TAGS = {}


def sentences(mod):
    out, cur = [], []
    for t in tokenize.generate_tokens(io.StringIO(inspect.getsource(mod)).readline):
        if t.type in (tokenize.NEWLINE, tokenize.NL):
            if len(cur) > 2:
                out.append(cur[:25])
            cur = []
        elif t.string.strip() and t.type != tokenize.COMMENT:
            # role of a name: called, attribute, keyword argument or plain -- depends on the neighbours
            cur.append(t)
    res = []
    for s in out:
        w, g = [], []
        for i, t in enumerate(s):
            nxt = s[i + 1].string if i + 1 < len(s) else ""
            prev = s[i - 1].string if i else ""
            tag = tokenize.tok_name[t.type]
            if t.type == tokenize.NAME:
                tag = "CALL" if nxt == "(" else "ATTR" if prev == "." else "KW" if nxt == "=" else "NAME"
            w.append(t.string); g.append(TAGS.setdefault(tag, len(TAGS)))
        res.append((w, g))
    return res


data = [s for m in (argparse, heapq, textwrap, json.decoder, inspect, tokenize) for s in sentences(m)]
torch.manual_seed(0)
data = [data[i] for i in torch.randperm(len(data))][:2400]
train, val = data[:2000], data[2000:]
vocab = {}
for ws, _ in train:
    for x in ws:
        vocab.setdefault(x, len(vocab) + 2)


def collate(batch):
    x = [torch.tensor([vocab.get(t, 1) for t in ws]) for ws, _ in batch]; y = [torch.tensor(g) for _, g in batch]
    return pad_sequence(x, True, 0), pad_sequence(y, True, -100), torch.tensor([len(a) for a in x])


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb, self.lstm, self.out = nn.Embedding(len(vocab) + 2, 32, padding_idx=0), nn.LSTM(32, 32, batch_first=True, bidirectional=True), nn.Linear(64, len(TAGS))
        self.word_drop = .05

    def forward(self, x, n):
        if self.training:
            x = torch.where((torch.rand(x.shape) < self.word_drop) & (x > 0), 1, x)      # unknown words are seen in training
        h, _ = self.lstm(pack_padded_sequence(self.emb(x), n, batch_first=True, enforce_sorted=False))
        return self.out(pad_packed_sequence(h, True)[0]).transpose(1, 2)


net = Tagger(); opt = torch.optim.Adam(net.parameters(), lr=LR); ce = nn.CrossEntropyLoss(ignore_index=-100)
dl, vl = DataLoader(train, 32, shuffle=True, collate_fn=collate), DataLoader(val, 100, collate_fn=collate)
w = DiagWriter(sys.argv[1]); w.watch(net, opt, ce, train_loader=dl)
for ep in range(6):
    net.train(); s = 0
    for x, y, n in dl:
        opt.zero_grad(); l = ce(net(x, n), y); l.backward(); nn.utils.clip_grad_norm_(net.parameters(), 5); opt.step(); s += l.item() / len(dl)
    net.eval(); v = a = k = 0
    with w.evaluating("val"):
        for x, y, n in vl:
            o = net(x, n); v += ce(o, y).item() / len(vl); m = y >= 0; a += (o.argmax(1) == y)[m].sum().item(); k += m.sum().item()
    print(f"epoch {ep} train {s:.4f} val {v:.4f} token acc {a/k:.3f} tags {len(TAGS)}")
w.close()
