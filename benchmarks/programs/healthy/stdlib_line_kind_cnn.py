"""Character CNN that says whether a source line is code, a comment or docstring text."""
import sys, os, glob, tokenize, io, random
from collections import Counter
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

MAXLEN = 64
KINDS = ["code", "comment", "docstring"]


def lines_of(path):
    src = open(path, encoding="utf-8", errors="ignore").read()
    try:
        toks = list(tokenize.generate_tokens(io.StringIO(src).readline))
    except Exception:
        return
    doc = set(); com = {}
    for t in toks:
        if t.type == tokenize.STRING and t.string[:3] in ('"""', "'''") and t.end[0] - t.start[0] > 2:
            doc |= set(range(t.start[0] + 1, t.end[0]))
        if t.type == tokenize.COMMENT and t.line.strip().startswith("#"):
            com[t.start[0]] = t.string.lstrip("# ")
    for i, l in enumerate(src.split("\n"), 1):
        s = l.strip()
        if len(s) < 8:
            continue
        if i in com:
            if len(com[i]) > 8:
                yield com[i], 1
        elif i in doc:
            yield s, 2
        else:
            yield s, 0


class Lines(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        s, k = self.rows[i]
        ids = [min(ord(c), 127) for c in s[:MAXLEN]]
        return torch.tensor(ids + [0] * (MAXLEN - len(ids))), k


class CharCNN(nn.Module):
    def __init__(self, dim=24, width=48):
        super().__init__()
        self.emb = nn.Embedding(128, dim, padding_idx=0)
        self.convs = nn.ModuleList([nn.Conv1d(dim, width, k, padding=k // 2) for k in (3, 5, 7)])
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(3 * width, len(KINDS))

    def forward(self, x):
        e = self.emb(x).transpose(1, 2)
        h = torch.cat([c(e).relu().amax(-1) for c in self.convs], 1)
        return self.out(self.drop(h))


def main(logdir):
    torch.manual_seed(0); random.seed(0); torch.set_num_threads(1)
    files = sorted(glob.glob(os.path.join(os.path.dirname(os.__file__), "*.py")))
    random.shuffle(files)
    cut = int(len(files) * .8)
    parts = []
    for fs, n in ((files[:cut], 4000), (files[cut:], 600)):
        by = {0: [], 1: [], 2: []}
        for f in fs:
            for s, k in lines_of(f):
                by[k].append((s, k))
        rows = []
        for k in by:
            random.shuffle(by[k]); rows += by[k][:n]
        random.shuffle(rows); parts.append(rows)
    print([Counter(k for _, k in p) for p in parts])
    train = DataLoader(Lines(parts[0]), batch_size=64, shuffle=True)
    val = DataLoader(Lines(parts[1]), batch_size=256)
    net = CharCNN()
    opt = torch.optim.AdamW(net.parameters(), lr=5e-3, weight_decay=0.01)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 5 * len(train))
    ce = nn.CrossEntropyLoss()
    w = DiagWriter(logdir)
    w.watch(net, opt, ce)
    for ep in range(5):
        net.train()
        for x, y in train:
            opt.zero_grad()
            l = ce(net(x), y)
            l.backward()
            opt.step(); sched.step()
        s = c = n = 0
        with w.evaluating("val"):
            for x, y in val:
                o = net(x); s += ce(o, y).item() * len(y); c += (o.argmax(1) == y).sum().item(); n += len(y)
        print("epoch", ep, "val", s / n, c / n)
    w.close()
    print("RESULT val_loss", round(s / n, 4), "acc", round(c / n, 4))


main(sys.argv[-1])
