"""fastText-like: hashed character n-grams in a sparse nn.EmbeddingBag, Adagrad(lr=0.05), is a stdlib identifier a class, a function or a constant?
(case is removed, otherwise it would be too easy)"""
import builtins
import importlib
import inspect
import pkgutil
import random
import sys
import zlib

import torch
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(17)
torch.manual_seed(17)
MODULES = """argparse ast asyncio base64 bisect calendar cmd code codecs collections configparser contextlib copy csv ctypes curses
datetime decimal difflib dis doctest email.message enum errno fileinput fractions ftplib functools gettext glob gzip hashlib heapq html.parser
http.client http.cookies http.server imaplib inspect io ipaddress itertools json keyword linecache locale logging logging.handlers mailbox math
mimetypes multiprocessing numbers operator optparse os pathlib pdb pickle platform plistlib poplib pprint profile pstats queue random re sched
select selectors shelve shlex shutil signal smtplib socket socketserver sqlite3 ssl stat statistics string struct subprocess symtable sysconfig
tarfile tempfile textwrap threading timeit token tokenize trace traceback types typing unittest unittest.mock urllib.request urllib.parse uuid
warnings wave weakref xml.dom.minidom xml.sax xmlrpc.client zipfile zipimport""".split()
table = {}
for m in MODULES:
    try:
        mod = importlib.import_module(m)
    except ImportError:
        continue
    for name, o in inspect.getmembers(mod):
        if name.startswith("__") or inspect.ismodule(o):
            continue
        kind = 0 if inspect.isclass(o) else 1 if callable(o) else 2
        table.setdefault(name.lower().replace("_", ""), kind)
        if kind == 0:
            for k, v in vars(o).items():
                if not k.startswith("__") and inspect.isroutine(v):
                    table.setdefault(k.lower().replace("_", ""), 1)
items = sorted(table.items())
random.shuffle(items)
B = 2 ** 14


def grams(w):
    w = f"<{w}>"
    return [zlib.crc32(w[i:i + n].encode()) % B for n in (2, 3, 4) for i in range(len(w) - n + 1)]


enc = [(torch.tensor(grams(w)), k) for w, k in items if len(w) > 1]
cut = int(.8 * len(enc))
train, val = enc[:cut], enc[cut:]
print(len(train), len(val), [sum(k == c for _, k in enc) for c in range(3)])


def collate(chunk):
    offs = torch.tensor([0] + [len(g) for g, _ in chunk[:-1]]).cumsum(0)
    return torch.cat([g for g, _ in chunk]), offs, torch.tensor([k for _, k in chunk])


class FastText(torch.nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.emb = torch.nn.EmbeddingBag(B, dim, mode="mean", sparse=True)
        torch.nn.init.uniform_(self.emb.weight, -1 / dim, 1 / dim)
        self.out = torch.nn.Linear(dim, 3)

    def forward(self, idx, offs):
        return self.out(self.emb(idx, offs))


net = FastText()
opt = torch.optim.Adagrad(net.parameters(), lr=.05)
w = DiagWriter(sys.argv[1])
w.watch(net, opt, F.cross_entropy)
vb = collate(val)
best = 9
for ep in range(12):
    random.shuffle(train)
    tot = 0
    for i in range(0, len(train), 16):
        idx, offs, y = collate(train[i:i + 16])
        loss = w.loss_fn(net(idx, offs), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(y)
    with w.evaluating("val"), torch.no_grad():
        o = net(vb[0], vb[1])
        v = w.loss_fn(o, vb[2]).item()
    acc = (o.argmax(1) == vb[2]).float().mean().item()
    print(f"{ep} train {tot / len(train):.3f} val {v:.3f} acc {acc:.3f}")
    if v > best + .003:
        print("getting worse, stop")
        break
    best = min(best, v)
w.close()
print(f"RESULT train {tot / len(train):.4f} val {v:.4f} best {best:.4f} acc {acc:.4f} majority {(vb[2] == 1).float().mean().item():.3f}")
