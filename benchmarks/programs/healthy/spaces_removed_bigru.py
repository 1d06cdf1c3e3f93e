"""Word segmentation: spaces are taken out of docstring sentences of the standard library, a BiGRU says where they were."""
import ast
import glob
import os
import random
import re
import sys
from dataclasses import dataclass

import torch
import torch.nn as nn

from tb_lossdiag import DiagWriter


@dataclass
class Config:
    emb: int = 32
    hidden: int = 64
    batch: int = 64
    lr: float = 5e-3
    steps: int = 500
    max_len: int = 48
    seed: int = 3


cfg = Config()
torch.set_num_threads(1)
torch.manual_seed(cfg.seed)
random.seed(cfg.seed)


def sentences():
    out = []
    for path in sorted(glob.glob(os.path.join(os.path.dirname(os.__file__), "*.py"))):
        try:
            tree = ast.parse(open(path, encoding="utf8").read())
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)):
                doc = ast.get_docstring(node)
                for s in re.split(r"[.\n]", doc or ""):
                    s = re.sub(r"[^a-z ]", "", s.lower()).strip()
                    s = re.sub(" +", " ", s)
                    if 20 <= len(s):
                        out.append(s)
    return sorted(set(out))


def encode(s):
    chars, tags = [], []
    for i, ch in enumerate(s):
        if ch == " ":
            continue
        chars.append(ord(ch) - 96)
        tags.append(1.0 if i + 1 < len(s) and s[i + 1] == " " else 0.0)
    chars, tags = chars[:cfg.max_len], tags[:cfg.max_len]
    pad = cfg.max_len - len(chars)
    return chars + [0] * pad, tags + [0.0] * pad, [1.0] * len(chars) + [0.0] * pad


class Segmenter(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(27, cfg.emb, padding_idx=0)
        self.rnn = nn.GRU(cfg.emb, cfg.hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * cfg.hidden, 1)

    def forward(self, x):
        h, _ = self.rnn(self.embed(x))
        return self.out(h).squeeze(-1)


def masked_bce(logits, tags, mask):
    l = nn.functional.binary_cross_entropy_with_logits(logits, tags, reduction="none")
    return (l * mask).sum() / mask.sum()


sents = sentences()
random.shuffle(sents)
X, Y, M = (torch.tensor(v) for v in zip(*[encode(s) for s in sents]))
n_val = 600
Xv, Yv, Mv, Xt, Yt, Mt = X[:n_val], Y[:n_val], M[:n_val], X[n_val:], Y[n_val:], M[n_val:]
print(len(sents), "sentences")

model = Segmenter()
opt = torch.optim.Adam(model.parameters(), lr=cfg.lr)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt)
vals = []
for step in range(1, cfg.steps + 1):
    idx = torch.randint(len(Xt), (cfg.batch,))
    loss = masked_bce(model(Xt[idx]), Yt[idx], Mt[idx])
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    if step % 20 == 0:
        writer.add_scalar("Loss/train", loss.item(), step)
    if step % 100 == 0:
        model.eval()
        with torch.no_grad():
            logits = model(Xv)
            vloss = masked_bce(logits, Yv, Mv).item()
            p, t = (logits > 0) & (Mv > 0), Yv > 0
            f1 = 2 * (p & t).sum().item() / (p.sum() + t.sum()).item()
        model.train()
        writer.add_scalar("Loss/val", vloss, step)
        vals.append(vloss)
        print(step, round(loss.item(), 4), round(vloss, 4), round(f1, 4))
writer.close()
print(f"RESULT val_f1 {f1:.4f} val_bce {vals[-1]:.4f} val_min {min(vals):.4f}")
