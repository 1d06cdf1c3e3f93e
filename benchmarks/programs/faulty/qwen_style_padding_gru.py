"""Which module does this docstring come from?  Character GRU.  Tokenizer with padding_side as in HF tokenizers:
right padding for training, and for the batch prediction ..."""
import sys
import importlib
import inspect
import random
import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
random.seed(0)
MODE, LOG = sys.argv[1:]

MODS = {"numpy": 0, "tkinter": 1, "decimal": 1, "torch": 2, "scipy.special": 3, "scipy.stats": 3}
names = ["numpy", "stdlib", "torch", "scipy"]


def collect():
    seen, out = set(), []
    for m, label in MODS.items():
        mod = importlib.import_module(m)
        objs = [getattr(mod, k, None) for k in dir(mod)]
        for o in list(objs):
            if inspect.isclass(o):
                objs += [getattr(o, k, None) for k in dir(o) if not k.startswith("__")]
        for o in objs:
            doc = inspect.getdoc(o) if callable(o) else None
            if not doc:
                continue
            for s in doc.replace("``", "`").split(". ")[:3]:
                s = " ".join(s.split())
                if 20 < len(s) and s not in seen:
                    seen.add(s)
                    out.append((s[:random.randint(24, 64)].lower(), label))
    return out


pairs = collect()
random.shuffle(pairs)
byc = {c: [p for p in pairs if p[1] == c][:1500] for c in range(4)}
pairs = sum(byc.values(), [])
random.shuffle(pairs)
print({names[c]: len(v) for c, v in byc.items()})


class Tokenizer:
    def __init__(self, texts):
        self.itos = ["<pad>", "<unk>"] + sorted(set("".join(texts)))
        self.stoi = {c: i for i, c in enumerate(self.itos)}
        self.padding_side = "right"

    def __call__(self, texts, max_length=64):
        ids = [[self.stoi.get(c, 1) for c in t] for t in texts]
        out = []
        for s in ids:
            pad = [0] * (max_length - len(s))
            out.append(s + pad if self.padding_side == "right" else pad + s)
        return torch.tensor(out), torch.tensor([len(s) for s in ids])


n = len(pairs)
train, val, test = pairs[:int(.8 * n)], pairs[int(.8 * n):int(.9 * n)], pairs[int(.9 * n):]
tok = Tokenizer([t for t, _ in train])


def collate(b):
    ids, lens = tok([t for t, _ in b])
    return ids, lens, torch.tensor([y for _, y in b])


class DocGRU(nn.Module):
    def __init__(self, vocab, dim=24, hid=48):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim, padding_idx=0)
        self.rnn = nn.GRU(dim, hid, batch_first=True)
        self.drop = nn.Dropout(.2)
        self.out = nn.Linear(hid, 4)

    def forward(self, ids, lens):
        h, _ = self.rnn(self.emb(ids))
        pos = torch.arange(ids.shape[1])[None] < lens[:, None]     # real tokens come first
        h = h.masked_fill(~pos[..., None], -1e4).max(1).values
        return self.out(self.drop(h))


net = DocGRU(len(tok.itos))
opt = torch.optim.AdamW(net.parameters(), lr=3e-3)
crit = nn.CrossEntropyLoss()
w = DiagWriter(LOG)
w.watch(net, opt, crit)


@torch.no_grad()
def evaluate(dataset, tag):
    net.eval()
    L, ok = 0., 0
    with w.evaluating(tag):
        for ids, lens, y in DataLoader(dataset, 128, collate_fn=collate):
            o = net(ids, lens)
            L += crit(o, y).item() * len(y)
            ok += (o.argmax(1) == y).sum().item()
    net.train()
    return L / len(dataset), ok / len(dataset)


EPOCHS = 6
for ep in range(EPOCHS):
    s = 0.
    dl = DataLoader(train, 64, shuffle=True, collate_fn=collate)
    for ids, lens, y in dl:
        opt.zero_grad()
        loss = crit(net(ids, lens), y)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.)
        opt.step()
        s += loss.item()
    vl, va = evaluate(val, "val")
    print(f"epoch {ep}: train {s / len(dl):.3f} val {vl:.3f} acc {va:.3f}")
    if MODE == "faulty":
        tok.padding_side = "left"          # for batched inference
    tl, ta = evaluate(test, "test")
    tok.padding_side = "right"
print(f"RESULT val_loss={vl:.4f} val_acc={va:.3f} test_loss={tl:.4f} test_acc={ta:.3f}")
w.close()
