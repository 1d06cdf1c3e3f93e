import sys
import glob
import os
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(11)

# ------------------------------------------------------------------ text
text = ""
for p in ["GPL-3", "Apache-2.0", "LGPL-3", "MPL-2.0", "GFDL-1.3"]:
    f = os.path.join("/usr/share/common-licenses", p)
    if os.path.exists(f):
        text += " ".join(open(f, errors="ignore").read().lower().split()) + " "
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
ids = torch.tensor([stoi[c] for c in text])
V = len(chars)
n1, n2 = int(0.8 * len(ids)), int(0.9 * len(ids))
splits = {"train": ids[:n1], "val": ids[n1:n2], "test": ids[n2:]}
BLOCK, BS = 48, 24


def batch(split, gen=None):
    d = splits[split]
    o = torch.randint(0, len(d) - BLOCK - 1, (BS,), generator=gen)
    return torch.stack([d[i:i + BLOCK] for i in o])


# ------------------------------------------------------------------ model
def causal_lm_loss(logits, labels, vocab_size, shift_labels=None):
    logits = logits.float()
    if shift_labels is None:
        labels = F.pad(labels, (0, 1), value=-100)
        shift_labels = labels[..., 1:].contiguous()
    return F.cross_entropy(logits.view(-1, vocab_size), shift_labels.view(-1), ignore_index=-100)


class Block(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.att = nn.MultiheadAttention(d, h, batch_first=True)
        self.ff = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))

    def forward(self, x, m):
        y = self.ln1(x)
        x = x + self.att(y, y, y, attn_mask=m, need_weights=False)[0]
        return x + self.ff(self.ln2(x))


class GitDecoder(nn.Module):
    def __init__(self, d=64, layers=2, heads=4, n_prefix=2):
        super().__init__()
        self.n_prefix = n_prefix
        self.word = nn.Embedding(V, d)
        self.pos = nn.Embedding(BLOCK + n_prefix, d)
        self.prefix = nn.Parameter(torch.randn(n_prefix, d) * 0.02)
        self.blocks = nn.ModuleList(Block(d, heads) for _ in range(layers))
        self.ln = nn.LayerNorm(d)
        self.output = nn.Linear(d, V)

    def forward(self, input_ids, labels=None):
        B, T = input_ids.shape
        x = torch.cat([self.prefix.expand(B, -1, -1), self.word(input_ids)], 1)
        L = x.shape[1]
        x = x + self.pos(torch.arange(L))
        mask = torch.triu(torch.ones(L, L, dtype=torch.bool), 1)
        for b in self.blocks:
            x = b(x, mask)
        logits = self.output(self.ln(x))
        loss = None
        if labels is not None:
            shifted_logits = logits[:, self.n_prefix:-1, :].contiguous()
            labels = labels[:, 1:].contiguous()
            if form == "faulty":
                loss = causal_lm_loss(shifted_logits, labels, vocab_size=V)
            else:
                loss = causal_lm_loss(shifted_logits, labels, vocab_size=V, shift_labels=labels)
        return loss, logits[:, self.n_prefix:]


model = GitDecoder()
opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
STEPS = 500
sch = torch.optim.lr_scheduler.OneCycleLR(opt, 3e-3, total_steps=STEPS, pct_start=0.1)
writer = DiagWriter(logdir)
writer.watch(model, opt)

for step in range(STEPS):
    x = batch("train")
    loss, _ = model(x, labels=x)
    opt.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    sch.step()
    if step % 100 == 99:
        model.eval()
        g = torch.Generator().manual_seed(0)
        with torch.no_grad():
            xs = [batch("val", g) for _ in range(6)]
            v = torch.stack([model(q, labels=q)[0] for q in xs]).mean()
        writer.add_loss("val", v)
        model.train()
        print(step + 1, round(loss.item(), 4), round(v.item(), 4))

# next character of held-out text
model.eval()
g = torch.Generator().manual_seed(5)
ce, acc = 0.0, 0.0
with torch.no_grad():
    for _ in range(12):
        x = batch("test", g)
        _, lg = model(x)
        ce += F.cross_entropy(lg[:, :-1].reshape(-1, V), x[:, 1:].reshape(-1)).item() / 12
        acc += (lg[:, :-1].argmax(-1) == x[:, 1:]).float().mean().item() / 12
writer.close()
print("RESULT test_next_char_ce %.4f test_next_char_acc %.4f" % (ce, acc))
