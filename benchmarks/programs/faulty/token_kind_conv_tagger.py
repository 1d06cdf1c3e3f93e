# Tag every character of a source line as: space, name, keyword, number, string, operator, comment (Python's own tokenizer
# gives the tags).  Conv tagger.   faulty|fixed logdir
import glob, io, keyword, os, random, sys, sysconfig, token, tokenize
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(8); random.seed(8)
form, logdir = sys.argv[1], sys.argv[2]
T = 40


def tagged_lines():
    out = []
    for f in sorted(glob.glob(os.path.join(sysconfig.get_paths()["stdlib"], "*.py")))[:60]:
        src = open(f, encoding="utf8", errors="ignore").read()
        lines = src.split("\n")
        tags = [[0] * len(l) for l in lines]
        try:
            for t in tokenize.generate_tokens(io.StringIO(src).readline):
                k = {token.NUMBER: 3, token.STRING: 4, token.OP: 5, token.COMMENT: 6}.get(t.type, 0)
                if t.type == token.NAME:
                    k = 2 if keyword.iskeyword(t.string) else 1
                if k and t.start[0] == t.end[0]:
                    for c in range(t.start[1], t.end[1]):
                        tags[t.start[0] - 1][c] = k
        except Exception:
            continue
        for l, g in zip(lines, tags):
            if len(l.strip()) > 15 and sum(g) > 0:
                s = len(l) - len(l.lstrip())
                out.append((l[s:s + T], g[s:s + T]))
    random.shuffle(out)
    return out[:4000]


rows = tagged_lines()
x = torch.zeros(len(rows), T, dtype=torch.long)
y = torch.full((len(rows), T), -100)
for i, (l, g) in enumerate(rows):
    x[i, :len(l)] = torch.tensor([min(ord(c), 127) for c in l])
    y[i, :len(l)] = torch.tensor(g)
xtr, ytr, xva, yva = x[:3200], y[:3200], x[3200:], y[3200:]


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(128, 24)
        self.c1 = nn.Conv1d(24, 48, 7, padding=3)
        self.c2 = nn.Conv1d(48, 48, 7, padding=3)
        self.out = nn.Conv1d(48, 7, 1)

    def forward(self, x):
        h = self.emb(x).transpose(1, 2)
        h = torch.relu(self.c1(h))
        h = torch.relu(self.c2(h))
        return self.out(h)            # batch, tags, time


model = Tagger()
criterion = nn.CrossEntropyLoss(ignore_index=-100)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(6):
    model.train()
    optimizer.zero_grad()
    for idx in torch.randperm(len(xtr)).split(32):
        if form == "fixed":
            optimizer.zero_grad()
        loss = criterion(model(xtr[idx]), ytr[idx])
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        o = model(xva)
        vl = criterion(o, yva).item()
    keep = yva >= 0
    acc = (o.argmax(1)[keep] == yva[keep]).float().mean().item()
    print("epoch", epoch, "loss", round(loss.item(), 4), "val", round(vl, 4), "acc", round(acc, 4))
writer.close()
print("RESULT val_accuracy", round(acc, 4))
