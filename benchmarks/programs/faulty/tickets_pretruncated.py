# Route service mails to a team. Keras' pad_sequences re-implemented for torch, BoE + small MLP
import sys
import random
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6); random.seed(6); np.random.seed(6)
MAXLEN = 24

subjects = {
 "billing": "invoice charge refund payment card receipt overcharged price discount vat bank statement",
 "network": "router wifi signal slow connection drops outage cable speed modem ping fibre",
 "account": "password login locked username reset email verify profile access token two-factor sso",
 "hardware": "screen battery charger broken keyboard fan noise overheating port dead pixel warranty",
 "orders": "delivery parcel tracking late address missing item courier return exchange label warehouse"}
teams = list(subjects)
subjects = [s.split() for s in subjects.values()]
filler = "please could you help me with this since last week i have tried everything and nobody answers it is really annoying the my a was has been after again when".split()
footer = ("kind regards sent from my phone this message and any attachment are confidential if you are not the intended recipient "
          "please delete it think of the environment before printing company registered in london number").split()


def mail():
    t = random.randrange(5)
    w = []
    for _ in range(random.randint(10, 16)):
        r = random.random()
        if r < .30:
            src = t if random.random() < .75 else random.randrange(5)
            w.append(random.choice(subjects[src]))
        else:
            w.append(random.choice(filler))
    k = random.randint(0, 3)
    foot = footer[k:k + random.randint(20, 26)]
    if random.random() < .12:                       # some people repeat their problem in the signature
        foot[random.randrange(len(foot))] = random.choice(subjects[t])
    return w + foot, t


def pad_sequences(seqs, maxlen, padding="pre", truncating="pre", value=0):
    out = np.full((len(seqs), maxlen), value)
    for i, s in enumerate(seqs):
        s = s[-maxlen:] if truncating == "pre" else s[:maxlen]
        if padding == "pre":
            out[i, maxlen - len(s):] = s
        else:
            out[i, :len(s)] = s
    return out


mails = [mail() for _ in range(6000)]
word_index = {}
for m, _ in mails[:5000]:
    for w in m:
        word_index.setdefault(w, len(word_index) + 1)
seqs = [[word_index.get(w, 0) for w in m] for m, _ in mails]
if sys.argv[1] == "faulty":
    X = pad_sequences(seqs, maxlen=MAXLEN)
else:
    X = pad_sequences(seqs, maxlen=MAXLEN, truncating="post")
X, Y = torch.tensor(X), torch.tensor([t for _, t in mails])


class Router(nn.Module):
    def __init__(self, v):
        super().__init__()
        self.embedding = nn.Embedding(v, 24, padding_idx=0)
        self.dense = nn.Sequential(nn.Linear(24, 32), nn.ReLU(), nn.Dropout(.2), nn.Linear(32, 5))

    def forward(self, x):
        e = self.embedding(x)
        return self.dense(e.sum(1) / (x > 0).sum(1, keepdim=True).clamp(min=1) ** .5)


model = Router(len(word_index) + 1)
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
ce = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, ce)
for epoch in range(8):
    model.train()
    for b in torch.randperm(5000).split(50):
        opt.zero_grad()
        loss = ce(model(X[b]), Y[b])
        loss.backward()
        opt.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = model(X[5000:])
        vl = ce(o, Y[5000:]).item()
    acc = (o.argmax(1) == Y[5000:]).float().mean().item()
    print(f"{epoch} loss {loss.item():.3f} val_loss {vl:.3f} val_acc {acc:.3f}")
writer.close()
print(f"RESULT val_loss={vl:.4f} val_acc={acc:.3f}")
