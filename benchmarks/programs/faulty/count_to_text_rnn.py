"""Day 11: yesterday the RNN learned to count to three, today it should write like the licence and help texts that ship with Python."""
import sys
import pydoc_data.topics
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

variant, logdir = sys.argv[1:3]
torch.manual_seed(13)
torch.set_num_threads(1)

text = "\n".join(pydoc_data.topics.topics[k] for k in sorted(pydoc_data.topics.topics)).lower()[:160000]
chars = sorted(set(text))
lookup = {c: i for i, c in enumerate(chars)}
ids = torch.tensor([lookup[c] for c in text])
train_ids, val_ids = ids[:140000], ids[140000:]
SEQ, BATCH = 40, 32
LR = 0.004 if variant == "fixed" else 0.3


class RNN(nn.Module):
    def __init__(self, n, hidden=64):
        super().__init__()
        self.encode = nn.Embedding(n, 24)
        self.lstm = nn.LSTM(24, hidden, batch_first=True)
        self.decode = nn.Linear(hidden, n)

    def forward(self, x):
        h, _ = self.lstm(self.encode(x))
        return self.decode(h).transpose(1, 2)


def pick(source, n):
    at = torch.randint(len(source) - SEQ - 1, (n,))
    rows = torch.stack([source[a:a + SEQ + 1] for a in at])
    return rows[:, :-1], rows[:, 1:]


model = RNN(len(chars))
optimiser = torch.optim.Adam(model.parameters(), lr=LR)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimiser, criterion)
fixed_val = [pick(val_ids, 64) for _ in range(6)]
avg = None
for step in range(1, 901):
    x, y = pick(train_ids, BATCH)
    loss = criterion(model(x), y)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    avg = loss.item() if avg is None else 0.98 * avg + 0.02 * loss.item()
    if step % 25 == 0:
        writer.add_scalar("loss/train", avg, step)
    if step % 150 == 0:
        with writer.evaluating("val"):
            v = sum(criterion(model(a), b).item() for a, b in fixed_val) / len(fixed_val)
        writer.add_scalar("loss/val", v, step)
        print(step, round(avg, 3), round(v, 3))
writer.close()
print("RESULT val_nll", round(v, 4))
