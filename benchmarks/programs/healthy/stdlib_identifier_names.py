"""
Makes up new function names: a character GRU trained on the names found in Python's standard library.
Next character given all before, '<' starts and '>' ends a name, names are padded within a batch.
"""
import ast
import glob
import os
import random
import sys
import sysconfig

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)
random.seed(42)


def collect_names(limit=9000):
    names = set()
    for path in sorted(glob.glob(os.path.join(sysconfig.get_paths()["stdlib"], "*.py"))):
        try:
            tree = ast.parse(open(path, encoding="utf8").read())
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.Name, ast.arg)):
                name = getattr(node, "name", None) or getattr(node, "id", None) or getattr(node, "arg", None)
                name = name.lower().strip("_")
                if 3 <= len(name) <= 24 and name.isascii():
                    names.add(name)
    names = sorted(names)
    random.shuffle(names)
    return names[:limit]


names = collect_names()
alphabet = "<>" + "".join(sorted(set("".join(names))))
stoi = {c: i + 1 for i, c in enumerate(alphabet)}       # 0 pads
itos = {i: c for c, i in stoi.items()}
encode = lambda s: torch.tensor([stoi[c] for c in "<" + s + ">"])
n_val = len(names) // 10
val_names, train_names = names[:n_val], names[n_val:]
print(len(train_names), "training names,", len(val_names), "held out,", len(alphabet), "characters")


class NameRNN(nn.Module):
    def __init__(self, vocab, emb=24, hidden=96, dropout=0.25):
        super().__init__()
        self.embed = nn.Embedding(vocab, emb, padding_idx=0)
        self.rnn = nn.GRU(emb, hidden, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, vocab)

    def forward(self, x, state=None):
        h, state = self.rnn(self.embed(x), state)
        return self.out(self.drop(h)), state

    @torch.no_grad()
    def sample(self, temperature=0.8):
        x, state, res = torch.tensor([[stoi["<"]]]), None, ""
        while len(res) < 24:
            logits, state = self(x, state)
            x = torch.multinomial((logits[:, -1] / temperature).softmax(-1), 1)
            c = itos.get(x.item(), ">")
            if c == ">":
                break
            res += c
        return res


def batches(data, size, shuffle):
    order = random.sample(data, len(data)) if shuffle else data
    for i in range(0, len(order), size):
        seqs = pad_sequence([encode(s) for s in order[i:i + size]], batch_first=True)
        yield seqs[:, :-1], seqs[:, 1:]


model = NameRNN(len(alphabet) + 1)
criterion = nn.CrossEntropyLoss(ignore_index=0)
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
N_EPOCHS = 9
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, N_EPOCHS)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

for epoch in range(N_EPOCHS):
    model.train()
    losses = []
    for x, y in batches(train_names, 64, True):
        logits, _ = model(x)
        loss = criterion(logits.flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        vals = [criterion(model(x)[0].flatten(0, 1), y.flatten()).item() for x, y in batches(val_names, 200, False)]
    train_loss, val_loss = sum(losses) / len(losses), sum(vals) / len(vals)
    print(f"epoch {epoch + 1} train {train_loss:.3f} val {val_loss:.3f} | " + " ".join(model.sample() for _ in range(4)))
writer.close()
print(f"RESULT train {train_loss:.4f} val {val_loss:.4f}")
