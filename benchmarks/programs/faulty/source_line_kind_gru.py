# Classify lines of Python files: code / import target / English prose, bi-GRU from scratch.
import argparse, os, glob
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence
from tb_lossdiag import DiagWriter

p = argparse.ArgumentParser()
p.add_argument("form"); p.add_argument("logdir")
p.add_argument("--epochs", type=int, default=8)
p.add_argument("--batch_size", type=int, default=32)
p.add_argument("--learning_rate", type=float, default=None)
args = p.parse_args()
if args.learning_rate is None:
    args.learning_rate = 2e-5 if args.form == "faulty" else 2e-3
torch.manual_seed(1); np.random.seed(1); torch.set_num_threads(1)

KINDS = ["code", "prose", "import"]

def collect():
    root = os.path.dirname(os.__file__)
    rows = []
    for f in sorted(glob.glob(root + "/*.py"))[:120]:
        doc = False
        for line in open(f, encoding="utf8", errors="ignore"):
            s = line.strip()
            if s.count('"""') % 2:
                doc = not doc; continue
            if len(s) < 12: continue
            if doc: k = 1
            elif s.startswith("#"): k, s = 1, s.lstrip("# ")
            elif s.startswith(("import ", "from ")): k, s = 2, s.split(" ", 1)[1]
            else: k = 0
            if len(s) >= 5: rows.append((s[:36].lower(), k))
    rng = np.random.default_rng(0)
    rng.shuffle(rows)
    rows = [(a, int(b)) for a, b in rows]
    out = []
    for k in range(3):
        out += [r for r in rows if r[1] == k][:800]
    rng.shuffle(out)
    return [(a, int(b)) for a, b in out]

class Lines(Dataset):
    def __init__(self, rows): self.rows = rows
    def __len__(self): return len(self.rows)
    def __getitem__(self, i):
        s, k = self.rows[i]
        return torch.tensor([min(ord(c), 126) for c in s]), k

def collate(batch):
    xs, ys = zip(*batch)
    return pad_sequence(xs, batch_first=True), torch.tensor([len(x) for x in xs]), torch.tensor(ys)

class LineGRU(nn.Module):
    def __init__(self, emb=32, hid=64):
        super().__init__()
        self.emb = nn.Embedding(127, emb, padding_idx=0)
        self.gru = nn.GRU(emb, hid, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(2 * hid, len(KINDS))
    def forward(self, x, lengths):
        packed = pack_padded_sequence(self.emb(x), lengths, batch_first=True, enforce_sorted=False)
        _, h = self.gru(packed)
        return self.fc(self.drop(torch.cat([h[0], h[1]], 1)))

rows = collect()
cut = int(.8 * len(rows))
train_dl = DataLoader(Lines(rows[:cut]), args.batch_size, shuffle=True, collate_fn=collate)
val_dl = DataLoader(Lines(rows[cut:]), 128, collate_fn=collate)
net = LineGRU()
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.AdamW(net.parameters(), lr=args.learning_rate, weight_decay=0.01)   # same recipe as our BERT runs
total = args.epochs * len(train_dl)
warm = int(.1 * total)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min((s + 1) / warm, max(0., (total - s) / (total - warm))))
writer = DiagWriter(args.logdir)
writer.watch(net, opt, loss_fn)
it = 0
for ep in range(args.epochs):
    net.train(); run = 0.
    for x, n, y in train_dl:
        opt.zero_grad()
        loss = loss_fn(net(x, n), y)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step(); sched.step()
        run += loss.item(); it += 1
    writer.add_scalar("Loss/train", run / len(train_dl), it)
    ok = 0
    with writer.evaluating("val"):
        for x, n, y in val_dl:
            out = net(x, n); l = loss_fn(out, y)
            ok += (out.argmax(1) == y).sum().item()
    acc = ok / (len(rows) - cut)
    print(f"[{ep + 1}/{args.epochs}] train {run / len(train_dl):.4f} acc {acc:.4f}", flush=True)
writer.close()
print("RESULT val_acc", round(acc, 4))
