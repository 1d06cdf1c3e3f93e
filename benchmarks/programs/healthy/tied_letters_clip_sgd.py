# Zaremba/Merity-flavoured character model: LSTM, input and output embedding tied, SGD at a rate of several units
# with the gradient clipped hard on every step, truncated BPTT with carried state.  Text: docstrings of the standard library.
import sys, ast, glob, os, sysconfig, math
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1111)

EMSIZE, BPTT, BSZ, CLIP, LR, EPOCHS = 80, 24, 32, 0.25, 10.0, 4


def corpus(max_chars=105_000):
    parts = []
    for f in sorted(glob.glob(os.path.join(sysconfig.get_paths()["stdlib"], "*.py"))):
        try:
            tree = ast.parse(open(f, encoding="utf-8").read())
        except Exception:
            continue
        for n in ast.walk(tree):
            if isinstance(n, (ast.FunctionDef, ast.ClassDef)):
                s = ast.get_docstring(n)
                if s:
                    parts.append(" ".join(s.lower().split()) + "\n")
    import random
    random.Random(0).shuffle(parts)
    text = "".join(c for c in "".join(parts) if c in " abcdefghijklmnopqrstuvwxyz.,'()\n-")
    return text[:max_chars]


def batchify(ids, bsz):
    n = len(ids) // bsz
    return ids[:n * bsz].view(bsz, n).t().contiguous()


class RNNModel(nn.Module):
    def __init__(self, ntoken):
        super().__init__()
        self.drop = nn.Dropout(0.1)
        self.encoder = nn.Embedding(ntoken, EMSIZE)
        self.rnn = nn.LSTM(EMSIZE, EMSIZE)
        self.decoder = nn.Linear(EMSIZE, ntoken)
        self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, x, hidden):
        out, hidden = self.rnn(self.drop(self.encoder(x)), hidden)
        return self.decoder(self.drop(out)), hidden


text = corpus()
vocab = sorted(set(text))
ids = torch.tensor([vocab.index(c) for c in text])
cut = int(0.9 * len(ids))
train_data, val_data = batchify(ids[:cut], BSZ), batchify(ids[cut:], 16)
ntokens = len(vocab)
model = RNNModel(ntokens)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=LR)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 3], gamma=0.5)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def zero_state(b):
    return torch.zeros(1, b, EMSIZE), torch.zeros(1, b, EMSIZE)


for epoch in range(EPOCHS):
    model.train()
    hidden, total, k = zero_state(BSZ), 0.0, 0
    for i in range(0, train_data.size(0) - 1 - BPTT, BPTT):
        x, y = train_data[i:i + BPTT], train_data[i + 1:i + 1 + BPTT].reshape(-1)
        hidden = tuple(h.detach() for h in hidden)
        optimizer.zero_grad()
        out, hidden = model(x, hidden)
        loss = criterion(out.view(-1, ntokens), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        total, k = total + loss.item(), k + 1
    scheduler.step()
    model.eval()
    vt = vk = 0
    hidden = zero_state(16)
    with writer.evaluating("val"):
        for i in range(0, val_data.size(0) - 1 - BPTT, BPTT):
            out, hidden = model(val_data[i:i + BPTT], hidden)
            vt += criterion(out.view(-1, ntokens), val_data[i + 1:i + 1 + BPTT].reshape(-1)).item()
            vk += 1
    print(f"| end of epoch {epoch + 1} | train {total / k:.3f} | valid loss {vt / vk:.3f} | bpc {vt / vk / math.log(2):.3f}")

# trigram baseline with add-0.05
from collections import Counter
tr, va = text[:cut], text[cut:]
c2, c3 = Counter(zip(tr, tr[1:])), Counter(zip(tr, tr[1:], tr[2:]))
tri = -sum(math.log((c3[a, b, c] + 0.05) / (c2[a, b] + 0.05 * ntokens)) for a, b, c in zip(va, va[1:], va[2:])) / (len(va) - 2)
writer.close()
print(f"RESULT val_loss {vt / vk:.4f} trigram {tri:.4f} uniform {math.log(ntokens):.3f}")
