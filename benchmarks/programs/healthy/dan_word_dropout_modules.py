#!/usr/bin/env python
"""Deep averaging network with word dropout: from which package is this docstring?

Real text: docstrings of five standard library packages; 40 % of the words are dropped in training."""
import ast, collections, os, random, re, sys, sysconfig
import torch
import torch.nn as nn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter

PACKAGES = ["asyncio", "email", "unittest", "tkinter", "multiprocessing", "xml", "http", "importlib"]


def corpus():
    lib = sysconfig.get_paths()["stdlib"]
    seen = set()
    for lab, pk in enumerate(PACKAGES):
        for root, dirs, files in os.walk(os.path.join(lib, pk)):
            dirs.sort()
            for f in sorted(files):
                if f.endswith(".py"):
                    try:
                        tree = ast.parse(open(os.path.join(root, f), encoding="utf8").read())
                    except (SyntaxError, UnicodeDecodeError):
                        continue
                    for n in ast.walk(tree):
                        if isinstance(n, (ast.FunctionDef, ast.ClassDef, ast.Module, ast.AsyncFunctionDef)):
                            d = ast.get_docstring(n)
                            if d and len(d.split()) >= 6 and d not in seen:
                                seen.add(d)
                                yield d, lab


class DAN(nn.Module):
    def __init__(self, vocab, k, dim=100, p_word=0.4):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim, padding_idx=0)
        self.p_word = p_word
        self.mlp = nn.Sequential(nn.Dropout(0.3), nn.Linear(dim, 100), nn.ReLU(), nn.Dropout(0.5), nn.Linear(100, k))

    def forward(self, ids):
        keep = (ids > 0).float()
        if self.training:
            keep = keep * (torch.rand_like(keep) > self.p_word).float()
        avg = (self.emb(ids) * keep[..., None]).sum(1) / keep.sum(1, keepdim=True).clamp(min=1)
        return self.mlp(avg)


def batches(data, size, shuffle):
    order = list(range(len(data)))
    if shuffle:
        random.shuffle(order)
    for k in range(0, len(order), size):
        part = [data[i] for i in order[k:k + size]]
        n = max(len(a) for a, _ in part)
        yield torch.tensor([a + [0] * (n - len(a)) for a, _ in part]), torch.tensor([b for _, b in part])


def main():
    random.seed(10)
    torch.manual_seed(10)
    torch.set_num_threads(1)
    docs = list(corpus())
    random.shuffle(docs)
    cut = int(.75 * len(docs))
    tok = lambda s: re.findall(r"[a-z_]+", s.lower())[:80]
    cnt = collections.Counter(w for d, _ in docs[:cut] for w in tok(d))
    vocab = {w: i + 2 for i, (w, c) in enumerate(cnt.most_common()) if c >= 2}
    enc = [([vocab.get(w, 1) for w in tok(d)] or [1], y) for d, y in docs]
    train, dev = enc[:cut], enc[cut:]
    model = DAN(len(vocab) + 2, len(PACKAGES))
    opt = torch.optim.Adagrad(model.parameters(), lr=0.1)
    crit = nn.CrossEntropyLoss()
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, opt, crit)
    for ep in range(20):
        model.train()
        for x, y in batches(train, 32, True):
            opt.zero_grad()
            loss = crit(model(x), y)
            loss.backward()
            opt.step()
        model.eval()
        hit = tot = 0
        s = 0.0
        with torch.no_grad(), writer.evaluating("val"):
            for x, y in batches(dev, 128, False):
                z = model(x)
                s += crit(z, y).item() * len(y)
                hit += (z.argmax(1) == y).sum().item()
                tot += len(y)
        if ep % 2 == 1:
            print(ep + 1, f"train {loss.item():.3f} dev {s / tot:.4f} acc {hit / tot:.4f}")
    writer.close()
    tf = TfidfVectorizer(min_df=2, token_pattern=r"[A-Za-z_]+")
    a = tf.fit_transform([d for d, _ in docs[:cut]])
    lr = LogisticRegression(C=10, max_iter=2000).fit(a, [y for _, y in docs[:cut]])
    print("RESULT docs", len(docs), "dev_loss", round(s / tot, 4), "dev_acc", round(hit / tot, 4), "tfidf_logreg_acc", round(lr.score(tf.transform([d for d, _ in docs[cut:]]), [y for _, y in docs[cut:]]), 4))


main()
