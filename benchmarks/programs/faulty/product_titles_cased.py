import sys
import random
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

# ---------------------------------------------------------------------------------------------
# Shop category from the product title.  Word vectors: wikipedia2vec-like table (lower case keys).
# ---------------------------------------------------------------------------------------------
random.seed(5)
torch.manual_seed(5)
torch.set_num_threads(1)
LOWER = sys.argv[1] != "faulty"

SYL = "ba ko ri ten mo lu sha vi dor pe ga nix tra el um pol fer wi sto ca".split()


def word():
    return "".join(random.choice(SYL) for _ in range(random.randint(2, 3)))


CATS = ["Camera", "Kitchen", "Garden", "Audio", "Toys", "Sport", "Office", "Beauty", "Car", "Pets", "Books", "Lamps"]
shared = [word() for _ in range(500)]                      # brands, colours, sizes ...
own = {c: [word() for _ in range(70)] for c in CATS}
related = {c: random.sample(CATS, 2) for c in CATS}

vocabulary = {"<pad>": 0, "#UNKNOWN#": 1}
for w in shared + sum(own.values(), []):
    vocabulary.setdefault(w.lower(), len(vocabulary))


def title():
    c = random.randrange(len(CATS))
    n = random.randint(5, 11)
    ws = []
    for _ in range(n):
        r = random.random()
        if r < .24:
            ws.append(random.choice(own[CATS[c]]))
        elif r < .36:
            ws.append(random.choice(own[random.choice(related[CATS[c]])]))
        else:
            ws.append(random.choice(shared))
    # Titles Are Written Like This, some words small, some SHOUTED
    out = []
    for w in ws:
        r = random.random()
        out.append(w if r < .10 else w.upper() if r < .2 else w.capitalize())
    if random.random() < .5:
        out.append(str(random.randint(10, 999)))
    return " ".join(out), c


def lookup(token):
    if LOWER:
        token = token.lower()
    return vocabulary.get(token, vocabulary["#UNKNOWN#"])


def encode(texts, length=12):
    t = torch.zeros(len(texts), length, dtype=torch.long)
    for i, s in enumerate(texts):
        ids = [lookup(w) for w in s.split()][:length]
        t[i, :len(ids)] = torch.tensor(ids)
    return t


class TitleNet(nn.Module):
    def __init__(self, n_words, dim=32):
        super().__init__()
        self.emb = nn.Embedding(n_words, dim, padding_idx=0)
        self.conv = nn.Conv1d(dim, 48, 1)
        self.fc = nn.Linear(48, len(CATS))
        self.drop = nn.Dropout(0.4)

    def forward(self, ids):
        e = self.emb(ids).transpose(1, 2)
        h = torch.relu(self.conv(self.drop(e)))
        h = h * (ids != 0).unsqueeze(1)
        return self.fc(self.drop(h.sum(2) / (ids != 0).sum(1, keepdim=True).clamp(min=1)))


train = [title() for _ in range(6000)]
dev = [title() for _ in range(1000)]
Xt, yt = encode([s for s, _ in train]), torch.tensor([c for _, c in train])
Xd, yd = encode([s for s, _ in dev]), torch.tensor([c for _, c in dev])

net = TitleNet(len(vocabulary))
ce = nn.CrossEntropyLoss()
opt = torch.optim.Adam(net.parameters(), lr=1.5e-2, weight_decay=1e-5)
sched = torch.optim.lr_scheduler.LinearLR(opt, 1.0, 0.1, total_iters=10)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, ce)
BS = 60
for ep in range(10):
    net.train()
    idx = torch.randperm(len(Xt))
    s = 0.
    for k in range(0, len(idx), BS):
        b = idx[k:k + BS]
        opt.zero_grad()
        l = ce(net(Xt[b]), yt[b])
        l.backward()
        opt.step()
        s += l.item() * len(b)
    sched.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = net(Xd)
        vl = ce(o, yd).item()
    acc = (o.argmax(1) == yd).float().mean().item()
    print("ep", ep, "train", round(s / len(idx), 4), "dev", round(vl, 4), "acc", round(acc, 4))
writer.close()
print(f"RESULT train_loss={s / len(idx):.4f} val_loss={vl:.4f} val_acc={acc:.4f}")
