"""
Tiny GRPO: a pretrained little language model is trained with group relative advantages to write balanced brackets.

reward: 1 if the 12 symbols are balanced, else a part for the longest valid prefix.
The surrogate's value is ~0 by construction (advantages are normalised in each group, ratio = 1 at the first inner
step) -- watch reward and KL, not the loss.
"""
import sys
import random
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(11)
random.seed(11)

VOCAB = ["<s>", "(", ")", "[", "]"]
L = 12
PAIR = {")": "(", "]": "["}


def score(toks):
    stack, n = [], 0
    for t in toks:
        c = VOCAB[t]
        if c in "([":
            stack.append(c)
        elif c in PAIR and stack and stack[-1] == PAIR[c]:
            stack.pop()
        else:
            return 0.5 * n / L
        n += 1
    return 1.0 if not stack else 0.5 + 0.25 * (1 - len(stack) / L)


class Policy(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.emb = nn.Embedding(len(VOCAB), d)
        self.rnn = nn.GRU(d, d, batch_first=True)
        self.out = nn.Linear(d, len(VOCAB) - 1)       # never writes <s>

    def forward(self, x):
        return self.out(self.rnn(self.emb(x))[0])

    @torch.no_grad()
    def sample(self, n):
        x = torch.zeros(n, 1, dtype=torch.long)
        h = None
        toks = []
        for _ in range(L):
            o, h = self.rnn(self.emb(x), h)
            x = torch.multinomial(F.softmax(self.out(o[:, -1]), -1), 1) + 1
            toks.append(x)
        return torch.cat(toks, 1)


def logp(policy, toks):
    inp = F.pad(toks[:, :-1], (1, 0))
    return F.log_softmax(policy(inp), -1).gather(-1, (toks - 1)[..., None]).squeeze(-1)


def noisy_corpus(n):
    """Dyck words with typing errors: the base model is so-so."""
    rows = []
    for _ in range(n):
        stack, s = [], []
        while len(s) < L:
            left = L - len(s)
            if stack and (len(stack) >= left or random.random() < 0.5):
                s.append(2 if stack.pop() == 1 else 4)
            else:
                o = random.choice([1, 3]); stack.append(o); s.append(o)
        rows.append([random.randint(1, 4) if random.random() < 0.12 else t for t in s])
    return torch.tensor(rows)


policy = Policy()
pre = torch.optim.Adam(policy.parameters(), lr=3e-3)
corpus = noisy_corpus(2000)
for step in range(250):
    b = corpus[torch.randint(0, len(corpus), (64,))]
    l = -logp(policy, b).mean()
    pre.zero_grad(); l.backward(); pre.step()
ref = Policy(); ref.load_state_dict(policy.state_dict())
for p in ref.parameters():
    p.requires_grad_(False)
base = sum(score(t) == 1.0 for t in policy.sample(500).tolist()) / 500
print(f"SFT loss {l.item():.3f}, balanced {base:.3f}")

G, PROMPTS, MU, CLIP, BETA = 16, 4, 2, 0.2, 0.02
LR = 1e-3
opt = torch.optim.AdamW(policy.parameters(), lr=LR, weight_decay=0.0)
writer = DiagWriter(sys.argv[1])
writer.watch(policy, opt)

STEPS = 350
for step in range(STEPS):
    toks = policy.sample(G * PROMPTS)
    r = torch.tensor([score(t) for t in toks.tolist()])
    g = r.view(PROMPTS, G)
    adv = ((g - g.mean(1, keepdim=True)) / (g.std(1, keepdim=True) + 1e-4)).view(-1, 1)
    with torch.no_grad():
        old, lref = logp(policy, toks), logp(ref, toks)
    for _ in range(MU):
        lp = logp(policy, toks)
        ratio = (lp - old).exp()
        surr = torch.min(ratio * adv, ratio.clamp(1 - CLIP, 1 + CLIP) * adv)
        kl = (lref - lp).exp() - (lref - lp) - 1
        loss = -(surr - BETA * kl).mean()
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
        opt.step()
        writer.add_loss("train", loss)
    if step % 50 == 49:
        print(f"step {step+1} loss {loss.item():+.4f} reward {r.mean():.3f} kl {kl.mean():.3f}")

final = [score(t) for t in policy.sample(1000).tolist()]
writer.close()
print(f"RESULT reward={sum(final)/1000:.4f} balanced={sum(s == 1.0 for s in final)/1000:.3f} before={base:.3f} kl={kl.mean():.3f}")
