# word2vec: skip-gram with negative sampling, d2l chapter 15
import sys, re, math, collections
import numpy as np, torch
from torch import nn
from pydoc_data import topics
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0); rng = np.random.default_rng(0)

text = " ".join(v for _, v in sorted(topics.topics.items())).lower()
sents = [re.findall(r"[a-z_]+", s) for s in re.split(r"[.:;]\s|\n\n", text)]
cnt = collections.Counter(t for s in sents for t in s)
vocab = [t for t, c in cnt.most_common() if c >= 10]
idx = {t: i for i, t in enumerate(vocab)}
total = sum(cnt[t] for t in vocab)
keep = {t: math.sqrt(1e-4 / cnt[t] * total) for t in vocab}
corpus = [[idx[t] for t in s if t in idx and rng.random() < keep[t] * 3] for s in sents]
centers, contexts = [], []
for line in corpus:
    for i in range(len(line)):
        win = rng.integers(1, 5)
        for j in range(max(0, i - win), min(len(line), i + win + 1)):
            if j != i: centers.append(line[i]); contexts.append(line[j])
centers, contexts = torch.tensor(centers), torch.tensor(contexts)
p = np.array([cnt[t] for t in vocab]) ** 0.75
noise = torch.tensor(p / p.sum())
K = 5
print(len(vocab), "words", len(centers), "pairs")

def skip_gram(center, ctx_neg, embed_v, embed_u):
    v = embed_v(center)
    u = embed_u(ctx_neg)
    return torch.bmm(v, u.permute(0, 2, 1))

class SkipGram(nn.Module):
    def __init__(self, n, d):
        super().__init__()
        self.v = nn.Embedding(n, d); self.u = nn.Embedding(n, d)
        nn.init.xavier_uniform_(self.v.weight); nn.init.xavier_uniform_(self.u.weight)
    def forward(self, c, x): return skip_gram(c[:, None], x, self.v, self.u).squeeze(1)

n_val = len(centers) // 10
perm = torch.randperm(len(centers))
va, tr = perm[:n_val], perm[n_val:]
val_x = torch.cat([contexts[va][:, None], torch.multinomial(noise, n_val * K, replacement=True).view(-1, K)], 1)
lab = lambda n: torch.cat([torch.ones(n, 1), torch.zeros(n, K)], 1)

net = SkipGram(len(vocab), 50)
loss = nn.BCEWithLogitsLoss()
lr, num_epochs, bs = 0.005, 8, 512
optimizer = torch.optim.Adam(net.parameters(), lr=lr)
sched = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, num_epochs * (len(tr) // bs + 1))
w = DiagWriter(sys.argv[1])
w.watch(net, optimizer, loss)
for epoch in range(num_epochs):
    tot = n = 0
    for b in tr[torch.randperm(len(tr))].split(bs):
        optimizer.zero_grad()
        neg = torch.multinomial(noise, len(b) * K, replacement=True).view(-1, K)
        l = loss(net(centers[b], torch.cat([contexts[b][:, None], neg], 1)), lab(len(b)))
        l.backward()
        optimizer.step(); sched.step()
        tot += l.item() * len(b); n += len(b)
    with w.evaluating("val"):
        v = loss(net(centers[va], val_x), lab(n_val)).item()
    print(f"epoch {epoch} loss {tot / n:.4f} val {v:.4f}")
W = nn.functional.normalize(net.v.weight.detach(), dim=1)
for q in ["float", "class", "import"]:
    print(q, [vocab[i] for i in (W @ W[idx[q]]).topk(5)[1][1:].tolist()])
w.close()
