"""Bilinear word-next-word model of the standard library's identifiers: two nn.Embedding(sparse=True) tables, SparseAdam,
sampled negatives from the unigram^0.75 distribution.  Most rows get no gradient in a given step."""
import collections, glob, os, re, sys, sysconfig
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(33)
rng = np.random.default_rng(33)

files = sorted(glob.glob(os.path.join(sysconfig.get_paths()["stdlib"], "*.py")))[:110]
words = [re.findall(r"[a-z]+", open(f, encoding="utf-8", errors="ignore").read().lower()) for f in files]
count = collections.Counter(w for ws in words for w in ws)
vocab = [w for w, _ in count.most_common(2500)]
index = {w: i for i, w in enumerate(vocab)}
pairs = []
for ws in words:
    ids = [index.get(w, -1) for w in ws]
    pairs += [(a, b) for a, b in zip(ids, ids[1:]) if a >= 0 and b >= 0]
pairs = np.array(pairs)
rng.shuffle(pairs)
pairs = pairs[:220000]
val, train = torch.tensor(pairs[:15000]), torch.tensor(pairs[15000:])
noise = torch.tensor([count[w] for w in vocab], dtype=torch.float).pow(0.75)
V, K, DIM, BATCH, STEPS = len(vocab), 5, 48, 1024, 900


class Skip(nn.Module):
    def __init__(self):
        super().__init__()
        self.u = nn.Embedding(V, DIM, sparse=True)
        self.v = nn.Embedding(V, DIM, sparse=True)
        nn.init.uniform_(self.u.weight, -0.5 / DIM, 0.5 / DIM)
        nn.init.zeros_(self.v.weight)          # as in word2vec.c

    def forward(self, a, b, neg):
        u = self.u(a)
        pos = (u * self.v(b)).sum(1)
        neg = torch.bmm(self.v(neg), u.unsqueeze(2)).squeeze(2)
        return -(F.logsigmoid(pos) + F.logsigmoid(-neg).sum(1)).mean()


model = Skip()
opt = torch.optim.SparseAdam(list(model.parameters()), lr=0.02)
sched = torch.optim.lr_scheduler.LinearLR(opt, 1.0, 0.05, STEPS)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt)
neg_val = torch.multinomial(noise, len(val) * K, replacement=True).view(-1, K)
for step in range(STEPS):
    b = train[torch.randint(len(train), (BATCH,))]
    neg = torch.multinomial(noise, BATCH * K, replacement=True).view(-1, K)
    loss = model(b[:, 0], b[:, 1], neg)
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    writer.add_scalar("Loss/train", loss.item(), step)
    if step % 75 == 74:
        with torch.no_grad():
            v = model(val[:, 0], val[:, 1], neg_val).item()
        writer.add_scalar("Loss/val", v, step)
        print(step + 1, f"{loss.item():.3f} {v:.3f}")

# baseline: smoothed PMI counts give the optimal score log p(b|a) - log(K q(b))
C = np.full((V, V), 0.0)
np.add.at(C, (train[:, 0].numpy(), train[:, 1].numpy()), 1)
q = (noise / noise.sum()).numpy()
uni = (C.sum(0) + 1) / (C.sum() + V)
best = None
for lam in (5, 20, 60):
    score = torch.tensor(np.log((C + lam * uni[None]) / (C.sum(1, keepdims=True) + lam)) - np.log(K * q)[None]).float()
    bl = -(F.logsigmoid(score[val[:, 0], val[:, 1]]) + F.logsigmoid(-score[val[:, :1], neg_val]).sum(1)).mean().item()
    best = bl if best is None else min(best, bl)
writer.close()
print(f"RESULT val_loss {v:.4f} smoothed_bigram_counts {best:.4f} start {(K + 1) * np.log(2):.3f} near_self "
      + ",".join(vocab[i] for i in F.cosine_similarity(model.u.weight[index['self']][None], model.u.weight).topk(4).indices.tolist()))
