"""Character GRU on Python's own email package (standard library sources).

python email_package_char_gru.py faulty|fixed LOGDIR
"""
import email
import math
import sys
from pathlib import Path

import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.manual_seed(1337)
torch.set_num_threads(1)

folder = Path(email.__file__).parent
text = "\n".join(p.read_text() for p in sorted(folder.glob("*.py")))
vocab = sorted(set(text))
stoi = {c: i for i, c in enumerate(vocab)}
data = torch.tensor([stoi[c] for c in text])

valid_data = data[-30000:]
train_data = data[:-30000]
if sys.argv[1] == "faulty":
    train_data = train_data[:12000]

block, batch, steps = 40, 24, 500


def get_batch(source):
    ix = torch.randint(len(source) - block - 1, (batch,))
    return (torch.stack([source[i:i + block] for i in ix]),
            torch.stack([source[i + 1:i + block + 1] for i in ix]))


class CharGRU(nn.Module):
    def __init__(self, n, emb=48, hidden=128):
        super().__init__()
        self.emb = nn.Embedding(n, emb)
        self.rnn = nn.GRU(emb, hidden, batch_first=True)
        self.head = nn.Linear(hidden, n)

    def forward(self, idx):
        h, _ = self.rnn(self.emb(idx))
        return self.head(h).transpose(1, 2)


model = CharGRU(len(vocab))
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, loss_fn)

g = torch.Generator().manual_seed(0)
vi = torch.randint(len(valid_data) - block - 1, (96,), generator=g)
vx = torch.stack([valid_data[i:i + block] for i in vi])
vy = torch.stack([valid_data[i + 1:i + block + 1] for i in vi])

best = 99.0
for step in range(1, steps + 1):
    x, y = get_batch(train_data)
    loss = loss_fn(model(x), y)
    opt.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    if step % 50 == 0:
        model.eval()
        with writer.evaluating("val"):
            v = loss_fn(model(vx), vy).item()
        model.train()
        best = min(best, v)
        writer.add_scalar("Loss/train", loss.item(), step)
        writer.add_scalar("Loss/val", v, step)
        print(f"step {step}: train {loss.item():.3f} val {v:.3f}")
writer.close()
print("RESULT val_bits_per_char", round(v / math.log(2), 3), "best", round(best / math.log(2), 3), "train_bits", round(loss.item() / math.log(2), 3))
