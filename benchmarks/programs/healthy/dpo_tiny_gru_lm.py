"""Direct Preference Optimization of a tiny language model, after eric-mitchell/direct-preference-optimization.

A GRU LM is first fine-tuned on "replies" (SFT, not watched), then frozen as reference, and a copy is trained on pairs
(chosen, rejected).  People prefer replies with a calm ending and without repetition, but they disagree often.
"""
import copy
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)

V, L = 24, 10          # tokens 0 = bos, 1 = eos, 2.. words
BETA = 0.1
LR = 2e-3
EPOCHS = 3

# --- a "natural" distribution of replies: a sparse second-order chain
table = rng.dirichlet(np.full(V - 1, 0.25), (V, V))


def write_replies(n):
    out = np.zeros((n, L), int)
    p1, p2 = np.zeros(n, int), np.zeros(n, int)
    ended = np.zeros(n, bool)
    for t in range(L):
        u = rng.random(n)[:, None]
        nxt = (table[p2, p1].cumsum(1) < u).sum(1).clip(max=V - 2) + 1
        nxt[ended] = 1
        if t < 4:
            nxt[nxt == 1] = 2 + rng.integers(0, V - 2)
        out[:, t] = nxt
        ended |= nxt == 1
        p2, p1 = p1, nxt
    return out


worth = rng.normal(0, 0.45, V); worth[:2] = 0


def human_score(seq):
    real = seq != 1
    rep = (seq[:, 1:] == seq[:, :-1]) & real[:, 1:]
    return (worth[seq] * real).sum(1) - 0.8 * rep.sum(1) + 0.05 * real.sum(1)


def make_pairs(n):
    a, b = write_replies(n), write_replies(n)
    p = 1 / (1 + np.exp(-(human_score(a) - human_score(b))))
    swap = rng.random(n) > p                           # Bradley-Terry raters: often of another opinion
    a[swap], b[swap] = b[swap].copy(), a[swap].copy()
    return torch.tensor(a), torch.tensor(b)


class LM(nn.Module):
    def __init__(self, dim=48):
        super().__init__()
        self.emb = nn.Embedding(V, dim)
        self.rnn = nn.GRU(dim, 64, batch_first=True)
        self.out = nn.Linear(64, V)

    def forward(self, tokens):
        inp = F.pad(tokens[:, :-1], (1, 0), value=0)
        h, _ = self.rnn(self.emb(inp))
        return self.out(h)

    def logps(self, tokens):
        """summed log-probability of each reply up to and with its first eos"""
        lp = self(tokens).log_softmax(-1).gather(2, tokens.unsqueeze(2)).squeeze(2)
        mask = (tokens == 1).cumsum(1) <= 1
        return (lp * mask).sum(1)


# --- SFT -------------------------------------------------------------------------------------------------------------
policy = LM()
sft = torch.tensor(write_replies(5000))
opt = torch.optim.AdamW(policy.parameters(), lr=3e-3)
for ep in range(4):
    for idx in torch.randperm(len(sft)).split(64):
        loss = -policy.logps(sft[idx]).mean() / 10
        opt.zero_grad(); loss.backward(); opt.step()
print(f"sft done, nll/token about {loss.item():.3f}")
reference = copy.deepcopy(policy).eval().requires_grad_(False)

# --- DPO -------------------------------------------------------------------------------------------------------------
pairs = make_pairs(4000)
val_c, val_r = make_pairs(1000)
with torch.no_grad():          # the reference never changes: compute its log-probabilities once
    ref_train = [reference.logps(t) for t in pairs]
    ref_c, ref_r = reference.logps(val_c), reference.logps(val_r)
train = TensorDataset(*pairs, *ref_train)
loader = DataLoader(train, batch_size=64, shuffle=True, drop_last=True)


def preference_loss(pol_c, pol_r, ref_c, ref_r, beta=BETA):
    logits = (pol_c - pol_r) - (ref_c - ref_r)
    return -F.logsigmoid(beta * logits).mean()


optimizer = torch.optim.RMSprop(policy.parameters(), lr=LR)          # RMSprop as in the reference code
total = EPOCHS * len(loader)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / 40) * (1 - s / total))
writer = DiagWriter(sys.argv[1])
writer.watch(policy, optimizer, preference_loss)


@torch.no_grad()
def evaluate():
    with writer.evaluating("val"):
        policy.eval()
        pc, pr = policy.logps(val_c), policy.logps(val_r)
        l = writer.loss_fn(pc, pr, ref_c, ref_r).item()
        acc = ((pc - ref_c) > (pr - ref_r)).float().mean().item()
        policy.train()
    return l, acc


for ep in range(EPOCHS):
    run = []
    for chosen, rejected, rc, rr in loader:
        both = torch.cat([chosen, rejected])
        pc, pr = policy.logps(both).chunk(2)
        loss = writer.loss_fn(pc, pr, rc, rr)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 10.0)
        optimizer.step()
        scheduler.step()
        run.append(loss.item())
    v, acc = evaluate()
    print(f"epoch {ep}  train {np.mean(run):.4f}  val {v:.4f}  reward accuracy {acc:.3f}")
writer.close()
d = human_score(val_c.numpy()) - human_score(val_r.numpy())
best = np.log1p(np.exp(-d)).mean()
print(f"RESULT val_loss {v:.4f} chance 0.6931 raters_own_model {best:.4f} reward_acc {acc:.3f} ceiling {np.mean(d > 0):.3f}")
