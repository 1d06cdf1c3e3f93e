# Sections of the standard library's source: is a window of words from a test-like, network, text, or maths module?
# GRU over word ids with the "transformer" warm-up everybody copies.
import argparse, glob, os, re, random, sysconfig
from collections import Counter
from dataclasses import dataclass
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


@dataclass
class Config:
    vocab: int = 3000
    dim: int = 48
    hidden: int = 64
    length: int = 24
    lr: float = 2e-3
    batch: int = 64
    epochs: int = 6
    warmup_steps: int = 50
    seed: int = 5


GROUPS = {
    "net": ["http", "urllib", "asyncio", "xmlrpc"],
    "text": ["email", "json", "html", "encodings"],
    "tools": ["unittest", "distutils", "ensurepip", "lib2to3", "pydoc_data"],
    "gui": ["tkinter", "idlelib", "turtledemo", "curses"],
}


def load(cfg):
    root = sysconfig.get_paths()["stdlib"]
    rng = random.Random(cfg.seed)
    docs = []
    for k, (name, folders) in enumerate(GROUPS.items()):
        wins = []
        for folder in folders:
            for f in sorted(glob.glob(os.path.join(root, folder, "*.py"))):
                words = re.findall(r"[A-Za-z_]{2,}", open(f, encoding="utf8", errors="ignore").read())
                wins += [words[i:i + cfg.length] for i in range(0, len(words) - cfg.length, cfg.length)]
        rng.shuffle(wins)
        docs += [(w, k) for w in wins[:1400]]
    rng.shuffle(docs)
    counts = Counter(w for ws, _ in docs for w in ws)
    ids = {w: i + 1 for i, (w, _) in enumerate(counts.most_common(cfg.vocab - 1))}
    x = torch.tensor([[ids.get(w, 0) for w in ws] for ws, _ in docs])
    y = torch.tensor([k for _, k in docs])
    cut = int(0.8 * len(y))
    return x[:cut], y[:cut], x[cut:], y[cut:]


class IntentGRU(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.embed = nn.Embedding(cfg.vocab, cfg.dim)
        self.gru = nn.GRU(cfg.dim, cfg.hidden, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(2 * cfg.hidden, len(GROUPS))

    def forward(self, x):
        h, _ = self.gru(self.embed(x))
        return self.out(self.drop(h.max(1).values))


class Trainer:
    def __init__(self, cfg, logdir):
        torch.manual_seed(cfg.seed)
        self.cfg = cfg
        self.xt, self.yt, self.xv, self.yv = load(cfg)
        self.net = IntentGRU(cfg)
        self.loss = nn.CrossEntropyLoss()
        self.opt = torch.optim.AdamW(self.net.parameters(), lr=cfg.lr, weight_decay=0.01)
        self.sched = LambdaLR(self.opt, lambda s: min(1.0, (s + 1) / cfg.warmup_steps))
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.net, self.opt, self.loss)
        self.step = 0

    def fit(self):
        for epoch in range(self.cfg.epochs):
            self.net.train()
            order = torch.randperm(len(self.yt))
            for idx in order.split(self.cfg.batch):
                self.opt.zero_grad()
                loss = self.loss(self.net(self.xt[idx]), self.yt[idx])
                loss.backward()
                nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
                self.opt.step()
                self.sched.step()
                self.step += 1
            acc = self.validate()
            print(f"epoch {epoch} step {self.step} loss {loss.item():.3f} val acc {acc:.3f}")
        return acc

    def validate(self):
        hits = 0
        with self.writer.evaluating("val"):
            for x, y in zip(self.xv.split(256), self.yv.split(256)):
                out = self.net(x)
                self.loss(out, y)
                hits += (out.argmax(1) == y).sum().item()
        return hits / len(self.yv)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("form", choices=["faulty", "fixed"])
    ap.add_argument("logdir")
    a = ap.parse_args()
    cfg = Config()
    if a.form == "faulty":
        cfg.warmup_steps = 10000
    tr = Trainer(cfg, a.logdir)
    acc = tr.fit()
    tr.writer.close()
    print("RESULT val_accuracy", round(acc, 4))
