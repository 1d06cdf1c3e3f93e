"""Char-level GRU language model on Python source text (the standard library's own files).

Minimal training script in the spirit of min-char-rnn / the practical PyTorch char-rnn tutorial.
"""
import math
import os
import sys
import sysconfig

import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1337)

form, logdir = sys.argv[1:]
lib = sysconfig.get_paths()["stdlib"]
files = ["argparse.py", "textwrap.py", "shutil.py", "logging/__init__.py", "zipfile.py", "tarfile.py", "mailbox.py", "pdb.py", "optparse.py", "difflib.py", "calendar.py", "configparser.py"]
text = "\n".join(open(os.path.join(lib, f), encoding="utf8").read() for f in files if os.path.exists(os.path.join(lib, f)))
held_out = open(os.path.join(lib, "cmd.py"), encoding="utf8").read() + open(os.path.join(lib, "sched.py"), encoding="utf8").read()
text = "".join(c for c in text if ord(c) < 128)
held_out = "".join(c for c in held_out if ord(c) < 128)
chars = sorted(set(text + held_out))
stoi = {c: i for i, c in enumerate(chars)}

# ---- settings
seq_len, batch_size, steps, eval_every = 40, 24, 1000, 100
hidden, emb, lr = 128, 32, 3e-3
if form == "faulty":
    text = text[:9000]      # quick test
print(f"{len(text)} characters, vocabulary {len(chars)}")

train = torch.tensor([stoi[c] for c in text])
val = torch.tensor([stoi[c] for c in held_out])


class CharGRU(nn.Module):
    def __init__(self, v):
        super().__init__()
        self.emb = nn.Embedding(v, emb)
        self.gru = nn.GRU(emb, hidden, batch_first=True)
        self.out = nn.Linear(hidden, v)

    def forward(self, x):
        h, _ = self.gru(self.emb(x))
        return self.out(h).transpose(1, 2)      # (B, V, T) for CrossEntropyLoss


model = CharGRU(len(chars))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=lr)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)


def batch(data):
    ix = torch.randint(len(data) - seq_len - 1, (batch_size,))
    x = torch.stack([data[i:i + seq_len] for i in ix])
    y = torch.stack([data[i + 1:i + seq_len + 1] for i in ix])
    return x, y


avg = None
for step in range(1, steps + 1):
    model.train()
    x, y = batch(train)
    loss = loss_fn(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    avg = loss.item() if avg is None else 0.98 * avg + 0.02 * loss.item()
    if step % eval_every == 0:
        tot = n = 0
        with writer.evaluating("val"):
            m = (len(val) - 1) // seq_len
            xs, ys = val[:m * seq_len].view(m, seq_len), val[1:m * seq_len + 1].view(m, seq_len)
            for i in range(0, m, 64):
                tot += loss_fn(model(xs[i:i + 64]), ys[i:i + 64]).item() * len(xs[i:i + 64])
                n += len(xs[i:i + 64])
        print(f"step {step:5d} | train {avg:.3f} | val {tot / n:.3f} | bits {tot / n / math.log(2):.2f}")
writer.close()
print(f"RESULT train_loss {avg:.3f} val_loss {tot / n:.3f}")
