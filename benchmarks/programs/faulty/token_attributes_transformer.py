"""Small transformer encoder with three tagging heads on Python tokens:
  kind    - keyword / name / number / string / operator
  depth   - bracket depth of the token (0..3)
  context - is the token inside a function's def line, an import, a call or another place?
The tokens' texts are hashed to ids; words are cut out of the standard library's source.

usage: token_attributes_transformer.py faulty|fixed LOGDIR
"""
import io
import keyword
import math
import os
import sys
import sysconfig
import tokenize
import zlib

import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
form, logdir = sys.argv[1:]
T, V = 32, 600


def read(fname):
    src = open(os.path.join(sysconfig.get_paths()["stdlib"], fname), encoding="utf8").read()
    ids, kind, depth, ctx = [], [], [], []
    d, line_kind = 0, 3
    fresh = True
    for t in tokenize.generate_tokens(io.StringIO(src).readline):
        if t.type in (tokenize.NEWLINE,):
            fresh = True
            continue
        if t.type not in (tokenize.NAME, tokenize.NUMBER, tokenize.STRING, tokenize.OP):
            continue
        if fresh:
            line_kind = {"def": 0, "import": 1, "from": 1, "return": 2, "if": 2, "elif": 2, "while": 2}.get(t.string, 3)
            fresh = False
        if t.string in ")]}":
            d -= 1
        ids.append(zlib.crc32(t.string.encode()) % V)
        kind.append(0 if keyword.iskeyword(t.string) else {tokenize.NAME: 1, tokenize.NUMBER: 2, tokenize.STRING: 3}.get(t.type, 4))
        depth.append(min(max(d, 0), 3))
        ctx.append(line_kind)
        if t.string in "([{":
            d += 1
    n = len(ids) // T * T
    return [torch.tensor(a[:n]).view(-1, T) for a in (ids, kind, depth, ctx)]


def cat(names):
    return [torch.cat(p) for p in zip(*(read(n) for n in names))]


train = cat(["argparse.py", "shutil.py", "tarfile.py", "zipapp.py", "mailbox.py", "optparse.py", "difflib.py"])
valid = cat(["calendar.py", "configparser.py"])
HEADS = {"kind": 5, "depth": 4, "context": 4}


class Tagger(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.tok = nn.Embedding(V, d)
        self.pos = nn.Parameter(0.02 * torch.randn(T, d))
        layer = nn.TransformerEncoderLayer(d, 4, 96, dropout=0.1, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.heads = nn.ModuleDict({k: nn.Linear(d, n) for k, n in HEADS.items()})

    def forward(self, ids):
        h = self.enc(self.tok(ids) * math.sqrt(48) * 0.1 + self.pos)
        return {k: head(h) for k, head in self.heads.items()}


model = Tagger()
ce = nn.CrossEntropyLoss()


def joint_loss(out, targets):
    loss = 0.0
    for name in HEADS:
        head_loss = ce(out[name].flatten(0, 1), targets[name].flatten())
        if form == "faulty":
            loss = head_loss
        else:
            loss += head_loss
    return loss


optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, joint_loss)


def pack(data, idx):
    return data[0][idx], {k: data[i + 1][idx] for i, k in enumerate(HEADS)}


step = 0
for epoch in range(8):
    model.train()
    perm = torch.randperm(len(train[0]))
    for i in range(0, len(perm), 16):
        ids, targets = pack(train, perm[i:i + 16])
        loss = writer.loss_fn(model(ids), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        if step % 20 == 0:
            writer.add_scalar("Loss/train", loss.item(), step)
    hits, vl, n = dict.fromkeys(HEADS, 0), 0.0, len(valid[0])
    with writer.evaluating("val"):
        for i in range(0, n, 32):
            ids, targets = pack(valid, torch.arange(i, min(i + 32, n)))
            out = model(ids)
            vl += writer.loss_fn(out, targets).item() * len(ids)
            for k in HEADS:
                hits[k] += (out[k].argmax(-1) == targets[k]).float().mean(1).sum().item()
    writer.add_scalar("Loss/val", vl / n, step)
    for k in HEADS:
        writer.add_scalar(f"Accuracy/{k}", hits[k] / n, step)
    print(f"epoch {epoch}: val loss {vl / n:.3f} " + " ".join(f"{k} {hits[k] / n:.3f}" for k in HEADS))
writer.close()
print(f"RESULT val_loss {vl / n:.3f} " + " ".join(f"acc_{k} {hits[k] / n:.3f}" for k in HEADS))
