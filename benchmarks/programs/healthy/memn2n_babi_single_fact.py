# End-to-end memory network on a bAbI task 1 style (nmhkahn/MemN2N-pytorch): SGD 0.01 halved every 10 epochs, gradients clipped at 40, sum over the batch
import sys, random, numpy as np
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); random.seed(0); torch.manual_seed(0)
names, places, moves = ['mary', 'john', 'daniel', 'sandra'], ['bathroom', 'hallway', 'garden', 'office', 'kitchen', 'bedroom'], ['went to', 'journeyed to', 'moved to', 'travelled to', 'went back to']
MEM, SL = 10, 7
def story():
    s, at = [], {}
    for i in range(random.randint(2, MEM)):
        a, p = random.choice(names), random.choice(places); at[a] = p
        s.append(f'{a} {random.choice(moves)} the {p}'.split())
    q = random.choice(list(at))
    return s, ['where', 'is', q], at[q]
raw = [story() for _ in range(2400)]
vocab = {w: i + 1 for i, w in enumerate(sorted({w for s, q, a in raw for t in s + [q] for w in t} | set(places)))}
vec = lambda t: [vocab[w] for w in t] + [0] * (SL - len(t))
# time words are added at the end, as in the paper: memory i carries the extra token V + i
V = len(vocab) + 1
S = torch.tensor([[[0] * SL] * (MEM - len(s)) + [vec(t)[:SL - 1] + [V + len(s) - 1 - i] for i, t in enumerate(s)] for s, _, _ in raw])
Q = torch.tensor([vec(q) for _, q, _ in raw]); A = torch.tensor([vocab[a] for _, _, a in raw])
ntr, nva = 1800, 300

class MemN2N(nn.Module):
    def __init__(self, num_vocab, embedding_dim, max_hops):
        super().__init__(); self.max_hops = max_hops
        self.C = nn.ModuleList([nn.Embedding(num_vocab, embedding_dim, padding_idx=0) for _ in range(max_hops + 1)])
        for c in self.C: nn.init.normal_(c.weight, 0, 0.1)
        J = SL; d = embedding_dim
        e = np.ones((J, d), dtype=np.float32)
        for j in range(1, J):
            for k in range(1, d + 1): e[j - 1, k - 1] = 1 + 4 * (k - (d + 1) / 2) * (j - (J + 1) / 2) / d / J
        self.register_buffer('encoding', torch.tensor(e))
    def forward(self, story, query):
        u = (self.C[0](query) * self.encoding).sum(1)
        for hop in range(self.max_hops):
            m = (self.C[hop](story) * self.encoding).sum(2)
            p = torch.softmax((m * u.unsqueeze(1)).sum(2), 1)
            c = (self.C[hop + 1](story) * self.encoding).sum(2)
            u = u + (c * p.unsqueeze(2)).sum(1)
        return u @ self.C[-1].weight.t()

model = MemN2N(V + MEM, 24, 3)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
sched = torch.optim.lr_scheduler.StepLR(opt, 10, .5)
loss_fn = nn.CrossEntropyLoss(reduction='sum')
writer = DiagWriter(sys.argv[1]); writer.watch(model, opt, loss_fn)
def evaluate(i, j, split):
    with writer.evaluating(split):
        o = model(S[i:j], Q[i:j]); return loss_fn(o, A[i:j]).item() / (j - i), (o.argmax(1) == A[i:j]).float().mean().item()
for epoch in range(30):
    model.train(); tl = 0
    for b in torch.randperm(ntr).split(32):
        out = model(S[b], Q[b]); loss = loss_fn(out, A[b])
        opt.zero_grad(); loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 40.)
        opt.step()
        with torch.no_grad():
            for c in model.C: c.weight[0] = 0
        tl += loss.item() / ntr
    sched.step()
    if epoch % 5 == 4:
        vl, va = evaluate(ntr, ntr + nva, 'val'); print(epoch + 1, f'{tl:.4f} {vl:.4f} {va:.4f}')
sl, sa = evaluate(ntr + nva, 2400, 'test')
writer.close()
print(f'RESULT train {tl:.4f} val {vl:.4f} acc {va:.4f} test {sl:.4f} {sa:.4f}')
