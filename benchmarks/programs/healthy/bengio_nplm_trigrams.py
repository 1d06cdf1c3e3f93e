"""Bengio's neural probabilistic language model (2003): embeddings of the 4 previous words, tanh hidden layer, direct connections, softmax.
Text: docstrings of the standard library. SGD with the paper's learning-rate decay eps_t = eps_0 / (1 + r t)."""
import sys, re, importlib, inspect
import torch
from torch import nn
from collections import Counter
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(2003)

words = []
for name in "argparse asyncio collections configparser csv ctypes datetime decimal difflib doctest email functools heapq http inspect ipaddress itertools json locale logging math multiprocessing optparse os pathlib pickle random re shutil smtplib socket sqlite3 statistics string subprocess tarfile tempfile textwrap threading tokenize turtle typing unittest urllib.parse urllib.request uuid zipfile".split():
    mod = importlib.import_module(name)
    docs = {inspect.getdoc(mod)}
    for _, o in inspect.getmembers(mod, lambda o: inspect.isclass(o) or inspect.isfunction(o)):
        docs.add(inspect.getdoc(o))
        if inspect.isclass(o):
            docs |= {inspect.getdoc(m) for _, m in inspect.getmembers(o, inspect.isfunction)}
    for d in sorted(filter(None, docs)):
        words += re.findall(r"[a-z]+|[.,()]", d.lower()) + ["<eos>"]
count = Counter(words)
vocab = {w: i + 1 for i, (w, c) in enumerate(count.most_common(900))}
ids = torch.tensor([vocab.get(w, 0) for w in words])
CTX = 4
# chunks of 400 words alternate between training (9) and validation (1)
starts = torch.arange(0, len(ids) - CTX)
is_val = (starts // 400) % 10 == 9
grams = ids.unfold(0, CTX + 1, 1)
train, val = grams[~is_val], grams[is_val]
perm = torch.randperm(len(train))[:48000]
train, val = train[perm], val[:5000]


class NPLM(nn.Module):
    def __init__(self, V, m=40, h=80):
        super().__init__()
        self.C = nn.Embedding(V, m)
        nn.init.uniform_(self.C.weight, -.1, .1)
        self.H, self.U, self.W = nn.Linear(CTX * m, h), nn.Linear(h, V), nn.Linear(CTX * m, V, bias=False)
        self.drop = nn.Dropout(.2)

    def forward(self, x):
        e = self.C(x).flatten(1)
        return self.U(self.drop(torch.tanh(self.H(e)))) + self.W(self.drop(e))


V = 901
model = NPLM(V)
criterion = nn.CrossEntropyLoss()
eps0, r = 0.5, 3e-4
optimizer = torch.optim.SGD(model.parameters(), lr=eps0, momentum=.5, weight_decay=1e-5)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + r * t))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(6):
    model.train()
    total = 0
    for b in torch.randperm(len(train)).split(100):
        optimizer.zero_grad()
        loss = criterion(model(train[b, :CTX]), train[b, CTX])
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.item() * len(b)
    with writer.evaluating("val"):
        v = sum(criterion(model(c[:, :CTX]), c[:, CTX]).item() * len(c) for c in val.split(1000)) / len(val)
    print(f"epoch {epoch} train {total / len(train):.3f} val {v:.3f} perplexity {2.71828 ** v:.1f}")
writer.close()
p = (torch.bincount(train[:, CTX], minlength=V).float() + 1); p = p / p.sum()
print(f"RESULT train {total / len(train):.3f} val {v:.3f} unigram {-p[val[:, CTX]].log().mean():.3f} uniform 6.804 samples {len(train)}")
