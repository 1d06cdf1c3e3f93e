"""Fill in the blanked Python keyword of a source line (standard library text), bidirectional GRU over characters."""
import glob, keyword, os, random, re, sys, sysconfig
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(11)
torch.manual_seed(11)

KEYS = ["if", "for", "return", "import", "def", "class", "in", "not", "is", "raise", "else", "with", "as", "and", "or", "except"]
CH = {c: i + 2 for i, c in enumerate(" abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.,:;()[]{}=+-*/%<>!'\"#@\\&|^~?$`")}
MAXLEN = 36


def harvest(limit_per_key=280):
    lib = sysconfig.get_paths()["stdlib"]
    pat = re.compile(r"\b(" + "|".join(KEYS) + r")\b")
    got = {k: [] for k in KEYS}
    for path in sorted(glob.glob(os.path.join(lib, "*.py"))):
        for line in open(path, encoding="utf-8", errors="ignore"):
            line = line.split("#")[0].rstrip()
            if len(line.strip()) < 12 or '"' in line or "'" in line or len(line.strip()) > MAXLEN:
                continue
            ms = list(pat.finditer(line))
            if line.strip().endswith((".", ",")) or not ms or not re.search(r"[:()=.]", line):
                continue
            m = random.choice(ms)
            got[m.group(1)].append(line[:m.start()].lstrip() + "$" + line[m.end():])
    data = []
    for k, v in got.items():
        v = sorted(set(v))
        random.shuffle(v)
        data += [(s, KEYS.index(k)) for s in v[:limit_per_key]]
    random.shuffle(data)
    return data


class Lines(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        s, y = self.rows[i]
        ids = [CH.get(c, 1) for c in s[:MAXLEN]]
        return torch.tensor(ids + [0] * (MAXLEN - len(ids))), y


class Net(nn.Module):
    def __init__(self, d=24, h=40):
        super().__init__()
        self.emb = nn.Embedding(len(CH) + 2, d, padding_idx=0)
        self.rnn = nn.GRU(d, h, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(4 * h, len(KEYS))
        self.blank = CH["$"]

    def forward(self, x):
        h, _ = self.rnn(self.emb(x))
        mask = (x != 0).unsqueeze(-1)
        top = h.masked_fill(~mask, -1e4).max(1).values
        at = h[torch.arange(len(x)), (x == self.blank).int().argmax(1)]
        return self.out(self.drop(torch.cat([top, at], 1)))


def main():
    rows = harvest()
    n = int(0.8 * len(rows))
    tr, va = Lines(rows[:n]), Lines(rows[n:])
    train_dl = DataLoader(tr, batch_size=64, shuffle=True, drop_last=True)
    val_dl = DataLoader(va, batch_size=256)
    model, loss_fn = Net(), nn.CrossEntropyLoss()
    opt = torch.optim.AdamW(model.parameters(), lr=2e-2, weight_decay=0.01)
    epochs = 6
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs * len(train_dl))
    w = DiagWriter(sys.argv[1])
    w.watch(model, opt, loss_fn)
    for ep in range(epochs):
        model.train()
        run = 0.0
        for x, y in train_dl:
            loss = loss_fn(model(x), y)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            sched.step()
            run += loss.item()
        model.eval()
        tot = hit = 0
        with w.evaluating("val"):
            for x, y in val_dl:
                lg = model(x)
                tot += loss_fn(lg, y).item() * len(y)
                hit += (lg.argmax(1) == y).sum().item()
        print(f"{ep} train {run / len(train_dl):.3f} val {tot / len(va):.3f} acc {hit / len(va):.3f}")
    w.close()
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    v = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), lowercase=False, min_df=2)
    A = v.fit_transform([r[0] for r in rows[:n]])
    lr = LogisticRegression(C=10, max_iter=500).fit(A, [r[1] for r in rows[:n]])
    base = lr.score(v.transform([r[0] for r in rows[n:]]), [r[1] for r in rows[n:]])
    print(f"RESULT val_loss {tot / len(va):.4f} acc {hit / len(va):.4f} tfidf_logreg_acc {base:.4f} n {len(rows)}")


main()
