"""Named-entity tagging of support e-mails with a BiLSTM; nearly every token is O."""
import sys
import random
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)
TAGS = ["O", "ORG", "LOC", "MISC"]
# words that are names in some contexts and plain words in most
AMB = {"ORG": "apple target shell orange gap oracle amazon visa".split(), "LOC": "reading nice turkey mobile bath phoenix orlando essex".split(),
       "MISC": "golf explorer focus office edge windows access polo".split()}
CUE = {"ORG": ["bought", "from", "paid", "through"], "LOC": ["near", "moved", "in", "around"], "MISC": ["with", "my", "using", "old"]}
FILL = ("please could you the order has not arrived and we would like to know when it will be here thanks for your help last week "
        "there was a problem again today nobody answered our call so they sent an other one but this is still wrong regards team").split()
WORDS = sorted(set(FILL) | {w for v in AMB.values() for w in v} | {w for v in CUE.values() for w in v})
IDX = {w: i + 1 for i, w in enumerate(WORDS)}
LEN = 24


def sentence(rs):
    toks, tags = [], []
    while len(toks) < LEN:
        u = rs.random()
        kind = rs.choice(["ORG", "LOC", "MISC"])
        if u < 0.05:                       # a cue and an ambiguous word: a name about one time in three
            toks += [rs.choice(CUE[kind]), rs.choice(AMB[kind])]
            tags += ["O", kind if rs.random() < 0.38 else "O"]
        elif u < 0.13:                     # the word alone, plain meaning
            toks += [rs.choice(FILL), rs.choice(AMB[kind])]; tags += ["O", "O"]
        elif u < 0.21:                     # the cue alone
            toks += [rs.choice(CUE[kind]), rs.choice(FILL)]; tags += ["O", "O"]
        else:
            toks.append(rs.choice(FILL)); tags.append("O")
    return [IDX[t] for t in toks[:LEN]], [TAGS.index(t) for t in tags[:LEN]]


def make(n, seed):
    rs = random.Random(seed)
    rows = [sentence(rs) for _ in range(n)]
    return torch.tensor([r[0] for r in rows]), torch.tensor([r[1] for r in rows])


class Tagger(nn.Module):
    def __init__(self, n_words, emb=32, hidden=32):
        super().__init__()
        self.emb = nn.Embedding(n_words + 1, emb)
        self.lstm = nn.LSTM(emb, hidden, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.1)
        self.out = nn.Linear(2 * hidden, len(TAGS))

    def forward(self, x):
        return self.out(self.drop(self.lstm(self.emb(x))[0]))


Xtr, ytr = make(2400, 1)
Xva, yva = make(600, 2)
counts = torch.bincount(ytr.flatten(), minlength=len(TAGS)).float()
print("token share", (counts / counts.sum()).tolist())
weight = None if form == "faulty" else counts.sum() / (len(TAGS) * counts)
criterion = nn.CrossEntropyLoss(weight=weight)
model = Tagger(len(WORDS))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(6):
    model.train()
    tot = []
    for idx in torch.randperm(len(Xtr)).split(32):
        optimizer.zero_grad()
        scores = model(Xtr[idx])
        loss = criterion(scores.view(-1, len(TAGS)), ytr[idx].view(-1))
        loss.backward()
        optimizer.step()
        tot.append(loss.item())
    with writer.evaluating("val"):
        scores = model(Xva)
        vl = criterion(scores.view(-1, len(TAGS)), yva.view(-1)).item()
        pred = scores.argmax(2)
    rec = [((pred == c) & (yva == c)).sum().item() / (yva == c).sum().item() for c in range(4)]
    f1 = []
    for c in (1, 2, 3):
        tp = ((pred == c) & (yva == c)).sum().item()
        f1.append(2 * tp / max(1, (pred == c).sum().item() + (yva == c).sum().item()))
    print(f"epoch {epoch} loss {np.mean(tot):.4f} val {vl:.4f} recall {np.round(rec, 2)} entity F1 {np.mean(f1):.3f} accuracy {(pred == yva).float().mean():.3f}")
writer.close()
