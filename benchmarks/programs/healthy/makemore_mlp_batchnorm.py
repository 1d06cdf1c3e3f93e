# makemore part 3 (A. Karpathy, "activations & gradients, batchnorm"), the PyTorch-ified version at the end of the
# lecture, on the words of python's own docstrings instead of names.txt
import importlib, random, re, sys

import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(42)

mods = """argparse asyncio base64 bisect calendar collections configparser contextlib copy csv datetime decimal difflib
doctest email enum fileinput fractions ftplib functools gettext glob heapq http.client imaplib inspect io itertools json
locale logging mailbox math mimetypes multiprocessing os pathlib pickle platform pydoc random re sched secrets shutil
smtplib socket sqlite3 ssl statistics string struct subprocess tarfile tempfile textwrap threading tokenize trace
turtle typing unittest urllib.parse uuid warnings weakref xml.dom.minidom zipfile""".split()
seen = set()
for m in mods:
    mod = importlib.import_module(m)
    docs = [mod.__doc__ or '']
    for o in vars(mod).values():
        docs.append(getattr(o, '__doc__', None) or '')
        if isinstance(o, type):
            docs += [getattr(f, '__doc__', None) or '' for f in vars(o).values()]
    for d in docs:
        if isinstance(d, str):
            seen.update(w for w in re.findall(r'\b[a-z]{3,12}\b', d))
words = sorted(seen)
print(len(words), max(len(w) for w in words), words[:8])

# build the vocabulary of characters and mappings to/from integers
chars = sorted(list(set(''.join(words))))
stoi = {s: i + 1 for i, s in enumerate(chars)}
stoi['.'] = 0
itos = {i: s for s, i in stoi.items()}
vocab_size = len(itos)

block_size = 3  # context length: how many characters do we take to predict the next one?


def build_dataset(words):
    X, Y = [], []
    for w in words:
        context = [0] * block_size
        for ch in w + '.':
            ix = stoi[ch]
            X.append(context)
            Y.append(ix)
            context = context[1:] + [ix]  # crop and append
    return torch.tensor(X), torch.tensor(Y)


random.shuffle(words)
n1 = int(0.8 * len(words))
n2 = int(0.9 * len(words))
Xtr, Ytr = build_dataset(words[:n1])      # 80%
Xdev, Ydev = build_dataset(words[n1:n2])  # 10%
Xte, Yte = build_dataset(words[n2:])      # 10%
print(Xtr.shape, Xdev.shape)

n_embd = 10
n_hidden = 64
g = torch.Generator().manual_seed(2147483647)
torch.manual_seed(2147483647)


class FlattenEmb(nn.Module):
    def forward(self, x):
        return x.view(x.shape[0], -1)


model = nn.Sequential(
    nn.Embedding(vocab_size, n_embd), FlattenEmb(),
    nn.Linear(n_embd * block_size, n_hidden, bias=False), nn.BatchNorm1d(n_hidden), nn.Tanh(),
    nn.Linear(n_hidden, n_hidden, bias=False), nn.BatchNorm1d(n_hidden), nn.Tanh(),
    nn.Linear(n_hidden, vocab_size),
)
with torch.no_grad():
    model[-1].weight *= 0.1   # last layer: make less confident
print(sum(p.nelement() for p in model.parameters()))

optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def split_loss(X, Y):
    model.eval()
    with torch.no_grad():
        loss = sum(criterion(model(xb), yb).item() * len(yb) for xb, yb in zip(X.split(2000), Y.split(2000)))
    model.train()
    return loss / len(Y)


max_steps = 5000
batch_size = 64
lossi = []
for i in range(max_steps):
    # minibatch construct
    ix = torch.randint(0, Xtr.shape[0], (batch_size,), generator=g)
    Xb, Yb = Xtr[ix], Ytr[ix]
    # forward pass
    logits = model(Xb)
    loss = criterion(logits, Yb)
    # backward pass
    optimizer.zero_grad()
    loss.backward()
    # update: simple SGD, step learning rate decay
    if i == int(max_steps * 0.7):
        for group in optimizer.param_groups:
            group['lr'] /= 10
    optimizer.step()
    lossi.append(loss.log10().item())
    if i % 500 == 499:
        with writer.evaluating('val'):
            dev = split_loss(Xdev, Ydev)
        print(f'{i + 1:7d}/{max_steps:7d}: {loss.item():.4f} dev {dev:.4f}')

# sample from the model
model.eval()
for _ in range(5):
    out, context = [], [0] * block_size
    while len(out) < 20:
        probs = F.softmax(model(torch.tensor([context])), dim=1)
        ix = torch.multinomial(probs, num_samples=1, generator=g).item()
        context = context[1:] + [ix]
        if ix == 0:
            break
        out.append(itos[ix])
    print(''.join(out))
writer.close()
print(f"RESULT train {split_loss(Xtr, Ytr):.4f} dev {split_loss(Xdev, Ydev):.4f} test {split_loss(Xte, Yte):.4f}")
