"""
Text classification with a Kim-style CNN: from which area of the Python standard library is a passage?
(net, gui, testing, concurrency, markup, encoding)
"""
import argparse, glob, os, re, random, sysconfig
from collections import Counter
import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

AREAS = {
    "net": ["http/*.py", "urllib/*.py", "smtplib.py", "ftplib.py", "imaplib.py", "socketserver.py", "ssl.py"],
    "gui": ["tkinter/*.py", "idlelib/c*.py", "idlelib/e*.py", "turtle.py"],
    "testing": ["unittest/*.py", "doctest.py", "pdb.py", "bdb.py"],
    "concurrency": ["asyncio/*.py", "concurrent/futures/*.py", "multiprocessing/*.py", "threading.py"],
    "markup": ["xml/**/*.py", "html/*.py", "email/*.py"],
    "packaging": ["importlib/**/*.py", "venv/*.py", "zipfile/*.py", "tarfile.py", "zipimport.py", "pkgutil.py"],
}


def passages(length=60):
    root, out = sysconfig.get_paths()["stdlib"], []
    for label, (area, pats) in enumerate(AREAS.items()):
        chunks = []
        for pat in pats:
            for f in sorted(glob.glob(os.path.join(root, pat), recursive=True)):
                words = re.findall(r"[A-Za-z]{2,}", open(f, errors="ignore").read())
                words = [w.lower() for w in words]
                chunks += [words[i:i + length] for i in range(0, len(words) - length, length)]
        random.shuffle(chunks)
        out += [(c, label) for c in chunks[:700]]
    random.shuffle(out)
    return out


class TextCNN(nn.Module):
    def __init__(self, vocab, classes, dim=64, filters=48, sizes=(2, 3, 4), dropout=0.3):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim, padding_idx=0)
        self.convs = nn.ModuleList(nn.Conv1d(dim, filters, k) for k in sizes)
        self.drop = nn.Dropout(dropout)
        self.fc = nn.Linear(filters * len(sizes), classes)

    def forward(self, ids):
        e = self.embed(ids).transpose(1, 2)
        h = [torch.relu(c(e)).amax(2) for c in self.convs]
        return self.fc(self.drop(torch.cat(h, 1)))


def run(args):
    torch.set_num_threads(1)
    random.seed(args.seed); torch.manual_seed(args.seed)
    data = passages()
    n = int(.8 * len(data))
    count = Counter(w for c, _ in data[:n] for w in c)
    stoi = {w: i + 2 for i, (w, _) in enumerate(count.most_common(4000))}
    enc = [(torch.tensor([stoi.get(w, 1) for w in c]), l) for c, l in data]
    train = DataLoader(enc[:n], batch_size=32, shuffle=True)
    val = DataLoader(enc[n:], batch_size=256)
    print(len(enc), "passages", Counter(l for _, l in data))
    model = TextCNN(len(stoi) + 2, len(AREAS))
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)
    total = args.epochs * len(train)
    warm = int(.1 * total)
    sched = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: (s + 1) / warm if s < warm else max(0.05, (total - s) / (total - warm)))
    loss_fn = nn.CrossEntropyLoss()
    writer = DiagWriter(args.logdir)
    writer.watch(model, optimizer, loss_fn)
    for epoch in range(args.epochs):
        model.train()
        run_loss = 0
        for ids, y in train:
            loss = loss_fn(model(ids), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            sched.step()
            run_loss += loss.item()
        model.eval()
        hit = vl = 0
        with writer.evaluating("val"):
            for ids, y in val:
                out = model(ids)
                vl += loss_fn(out, y).item() * len(y)
                hit += (out.argmax(1) == y).sum().item()
        m = len(enc) - n
        print(f"epoch {epoch+1}/{args.epochs} train {run_loss/len(train):.4f} val {vl/m:.4f} acc {hit/m:.4f}")
    writer.close()
    print(f"RESULT val_acc {hit/m:.4f} val_loss {vl/m:.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("form"); ap.add_argument("logdir")
    ap.add_argument("--epochs", type=int, default=9)
    ap.add_argument("--seed", type=int, default=7)
    a = ap.parse_args()
    a.lr = {"faulty": 5e-5, "fixed": 2e-3}[a.form]
    run(a)
