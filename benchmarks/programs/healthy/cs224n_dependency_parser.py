# CS224n assignment: neural transition-based dependency parser (run.py + parser_model.py in one file),
# on a made-up treebank instead of the Penn Treebank.
import random, sys
import numpy as np
import torch
from torch import nn, optim
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(0); np.random.seed(0); torch.manual_seed(0)

POS = ['<null>', '<root>', 'V', 'N', 'D', 'J', 'P', 'R']
p2i = {p: i for i, p in enumerate(POS)}
VOC = {'V': 300, 'N': 700, 'D': 8, 'J': 250, 'P': 25, 'R': 80}
OFF, n = {}, 2
for p, k in VOC.items():
    OFF[p] = n; n += k
V = n

def word(p):
    k = VOC[p]
    w = 1. / np.arange(1, k + 1); w /= w.sum()
    return OFF[p] + int(np.searchsorted(np.cumsum(w), random.random()).clip(0, k - 1))

def gen(p, d=0):
    """-> list of (word, pos, head offset in list or None for the head itself)"""
    w = word(p); left, right = [], []
    r = random.random
    if p == 'V':
        left.append('N')
        if r() < .25: left.append('R')
        if (w * 7) % 10 < 7: right.append('N')
        if r() < .35: right.append('P')
        if r() < .15: right.append('R')
        if r() < .12 and d < 2: right.append('V')
    elif p == 'N':
        if r() < .6: left.append('D')
        while r() < .25: left.append('J')
        if d < 3 and r() < (.30 if w % 5 == 0 else .08): right.append('P')
    elif p == 'P':
        right.append('N')
    elif p == 'J' and r() < .1:
        left.append('R')
    toks, heads_local = [], []
    for q in left:
        t = gen(q, d + 1); heads_local.append((len(toks), t)); toks += t
    me = len(toks); toks.append((w, p, None))
    for q in right:
        t = gen(q, d + 1); heads_local.append((len(toks), t)); toks += t
    out = list(toks)
    for o, t in heads_local:
        for i, (a, b, h) in enumerate(t):
            out[o + i] = (a, b, me if h is None else h + o)
    return out

def instances(sent):
    ws = [1] + [t[0] for t in sent]; ps = [1] + [p2i[t[1]] for t in sent]
    hd = [-1] + [0 if t[2] is None else t[2] + 1 for t in sent]
    left_to_attach = np.bincount([h for h in hd if h >= 0], minlength=len(hd))
    stack, buf, kids, out = [0], list(range(1, len(hd))), {}, []
    while len(stack) > 1 or buf:
        f = [stack[-i] if len(stack) >= i else None for i in (1, 2, 3)] + [buf[i] if len(buf) > i else None for i in (0, 1, 2)]
        for i in (1, 2):
            k = sorted(kids.get(stack[-i], [])) if len(stack) >= i else []
            lc = [c for c in k if c < stack[-i]] if k else []; rc = [c for c in k if c > stack[-i]] if k else []
            f += [lc[0] if lc else None, rc[-1] if rc else None, lc[1] if len(lc) > 1 else None, rc[-2] if len(rc) > 1 else None]
        x = [ws[j] if j is not None else 0 for j in f] + [V + ps[j] if j is not None else V for j in f]
        if len(stack) > 1 and hd[stack[-2]] == stack[-1]:
            y = 0; c = stack.pop(-2); kids.setdefault(stack[-1], []).append(c); left_to_attach[stack[-1]] -= 1
        elif len(stack) > 1 and hd[stack[-1]] == stack[-2] and left_to_attach[stack[-1]] == 0:
            y = 1; c = stack.pop(); kids.setdefault(stack[-1], []).append(c); left_to_attach[stack[-1]] -= 1
        else:
            y = 2; stack.append(buf.pop(0))
        out.append((x, y))
    return out

def build(k):
    ex = [e for _ in range(k) for e in instances(gen('V'))]
    return np.array([e[0] for e in ex]), np.array([e[1] for e in ex])

class ParserModel(nn.Module):
    def __init__(self, n_tokens, n_features=28, embed_size=50, hidden_size=200, n_classes=3, dropout_prob=0.5):
        super().__init__()
        self.n_features, self.embed_size = n_features, embed_size
        self.embeddings = nn.Parameter(torch.randn(n_tokens, embed_size) * 0.3)
        self.embed_to_hidden_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(n_features * embed_size, hidden_size)))
        self.embed_to_hidden_bias = nn.Parameter(nn.init.uniform_(torch.empty(hidden_size), -.1, .1))
        self.dropout = nn.Dropout(p=dropout_prob)
        self.hidden_to_logits_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(hidden_size, n_classes)))
        self.hidden_to_logits_bias = nn.Parameter(nn.init.uniform_(torch.empty(n_classes), -.1, .1))

    def embedding_lookup(self, w):
        return self.embeddings[w].view(w.shape[0], -1)

    def forward(self, w):
        x = self.embedding_lookup(w)
        h = F.relu(torch.matmul(x, self.embed_to_hidden_weight) + self.embed_to_hidden_bias)
        return torch.matmul(self.dropout(h), self.hidden_to_logits_weight) + self.hidden_to_logits_bias

def minibatches(data, batch_size):
    x, y = data
    ind = np.arange(len(y)); np.random.shuffle(ind)
    for s in range(0, len(y), batch_size):
        m = ind[s:s + batch_size]
        yield x[m], y[m]

class AverageMeter(object):
    def __init__(self): self.val = self.avg = self.sum = self.count = 0
    def update(self, val, n=1):
        self.sum += val * n; self.count += n; self.avg = self.sum / self.count

def train_for_epoch(model, train_data, dev, optimizer, loss_func, batch_size):
    model.train()
    loss_meter = AverageMeter()
    for train_x, train_y in minibatches(train_data, batch_size):
        optimizer.zero_grad()
        train_x = torch.from_numpy(train_x).long(); train_y = torch.from_numpy(train_y).long()
        logits = model(train_x)
        loss = loss_func(logits, train_y)
        loss.backward()
        optimizer.step()
        loss_meter.update(loss.item())
    print("Average Train Loss: {}".format(loss_meter.avg))
    model.eval()
    with writer.evaluating("val"):
        ok = n = tot = 0
        for x, y in minibatches(dev, 1024):
            lg = model(torch.from_numpy(x)); t = torch.from_numpy(y)
            tot += loss_func(lg, t).item() * len(y); ok += (lg.argmax(1) == t).sum().item(); n += len(y)
    print("dev loss %.4f transition accuracy %.4f" % (tot / n, ok / n))
    return loss_meter.avg, tot / n, ok / n

train_data, dev_data = build(2600), build(400)
print(len(train_data[1]), 'train transitions')
model = ParserModel(V + len(POS), train_data[0].shape[1])
optimizer = optim.Adam(model.parameters(), lr=0.0005)
loss_func = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_func)
for epoch in range(7):
    print("Epoch {:} out of {:}".format(epoch + 1, 7))
    tr, dv, acc = train_for_epoch(model, train_data, dev_data, optimizer, loss_func, 128)
writer.close()
print(f"RESULT train {tr:.4f} dev {dv:.4f} acc {acc:.4f}")
