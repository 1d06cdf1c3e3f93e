"""Tiny char transformer on the text of CPython's turtle.py."""
import sys, os, torch, torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.manual_seed(0); torch.set_num_threads(1); form, logdir = sys.argv[1:3]
text = open(os.path.join(os.path.dirname(os.__file__), "turtle.py")).read()[:60000]
ch = sorted(set(text)); ids = torch.tensor([ch.index(c) for c in text]); cut = 54000; V, D, L = len(ch), 48, 32
class Block(nn.Module):
    def __init__(s): super().__init__(); s.a = nn.MultiheadAttention(D, 4, batch_first=True); s.m = nn.Sequential(nn.Linear(D, 4 * D), nn.GELU(), nn.Linear(4 * D, D)); s.n1 = nn.LayerNorm(D); s.n2 = nn.LayerNorm(D)
    def forward(s, x, mask): h = s.n1(x); x = x + s.a(h, h, h, attn_mask=mask, need_weights=False)[0]; return x + s.m(s.n2(x))
class LM(nn.Module):
    def __init__(s):
        super().__init__(); s.e = nn.Embedding(V, D); s.p = nn.Parameter(.02 * torch.randn(L, D)); s.b = nn.ModuleList(Block() for _ in range(2)); s.n = nn.LayerNorm(D); s.o = nn.Linear(D, V)
        nn.init.normal_(s.e.weight, std=.02)
    def forward(s, x):
        h = s.e(x) + s.p; mask = torch.full((L, L), float("-inf")).triu(1)
        for b in s.b: h = b(h, mask)
        return s.o(s.n(h)).transpose(1, 2)
net = LM(); opt = torch.optim.SGD(net.parameters(), 3e-3) if form == "faulty" else torch.optim.AdamW(net.parameters(), 3e-3)
ce = nn.CrossEntropyLoss(); w = DiagWriter(logdir); w.watch(net, opt, ce)
def get(lo, hi, n=24):
    i = torch.randint(lo, hi - L - 1, (n,)); s = torch.stack([ids[j:j + L + 1] for j in i]); return s[:, :-1], s[:, 1:]
for step in range(1, 701):
    x, y = get(0, cut); opt.zero_grad(); ce(net(x), y).backward(); opt.step()
    if step % 100 == 0:
        with w.evaluating("val"):
            v = sum(ce(net(x), y).item() for x, y in (get(cut, 60000) for _ in range(8))) / 8
        print(step, v)
w.close(); print("RESULT val_nats %.4f" % v)
