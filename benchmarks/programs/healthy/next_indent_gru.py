# predict how the next line is indented, from the indentation / first character class / length of the
# lines before it. Text: modules of Python's own standard library.
import argparse, glob, os, sysconfig
import numpy as np
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter

p = argparse.ArgumentParser()
p.add_argument("logdir")
p.add_argument("--lr", type=float, default=4e-3)
p.add_argument("--steps", type=int, default=900)
p.add_argument("--hidden", type=int, default=48)
a = p.parse_args()
torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.default_rng(3)


def line_tokens(path):
    out, prev = [], 0
    for ln in open(path, encoding="utf8", errors="ignore"):
        s = ln.strip()
        if not s:
            continue
        ind = min((len(ln.expandtabs(4)) - len(ln.expandtabs(4).lstrip())) // 4, 9)
        change = int(np.clip(ind - prev, -3, 1)) + 3                      # 0..4 : dedent 3,2,1, same, deeper
        prev = ind
        end = {":": 0, ",": 1, ")": 2, "(": 3}.get(s[-1], 4)
        w = "#" if s[0] == "#" else (s.replace("(", " ").split() or ["x"])[0].rstrip(":")
        first = {"if": 0, "for": 1, "def": 2, "class": 3, "return": 4, "else": 5, "try": 6, "except": 7, "raise": 8,
                 "while": 9, "with": 10, "import": 11, "from": 12, "elif": 13, "pass": 14, "#": 15}.get(w, 16)
        out.append((change, end, first, ind))
    return out


files = sorted(glob.glob(os.path.join(sysconfig.get_paths()["stdlib"], "*.py")))
rng.shuffle(files)
tr = np.array(sum((line_tokens(f) for f in files[:110]), []))
va = np.array(sum((line_tokens(f) for f in files[110:140]), []))
L = 40


def chunk(arr):
    n = (len(arr) - 1) // L
    return torch.tensor(arr[: n * L].reshape(n, L, 4)), torch.tensor(arr[1: n * L + 1, 0].reshape(n, L))


Xtr, Ytr = chunk(tr)
Xva, Yva = chunk(va)
Xva, Yva = Xva[:240], Yva[:240]


class IndentGRU(nn.Module):
    def __init__(self, h):
        super().__init__()
        self.e = nn.ModuleList([nn.Embedding(n, 8) for n in (5, 5, 17, 10)])
        self.rnn = nn.GRU(32, h, batch_first=True)
        self.out = nn.Linear(h, 5)

    def forward(self, x):
        z = torch.cat([e(x[..., i]) for i, e in enumerate(self.e)], -1)
        return self.out(self.rnn(z)[0])


model = IndentGRU(a.hidden)
opt = torch.optim.Adam(model.parameters(), lr=a.lr)
crit = nn.CrossEntropyLoss()
w = DiagWriter(a.logdir)
w.watch(model, opt, crit)
for step in range(a.steps):
    idx = torch.randint(0, len(Xtr), (32,))
    logits = model(Xtr[idx])
    loss = crit(logits.reshape(-1, 5), Ytr[idx].reshape(-1))
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    if step % 100 == 99:
        model.eval()
        tot = acc = 0.0
        with w.evaluating("val"):
            for k in range(0, len(Xva), 60):
                lg = model(Xva[k:k + 60])
                tot += crit(lg.reshape(-1, 5), Yva[k:k + 60].reshape(-1)).item() * len(lg)
                acc += (lg.argmax(-1) == Yva[k:k + 60]).float().mean().item() * len(lg)
        model.train()
        print(step + 1, round(loss.item(), 3), round(tot / len(Xva), 4), round(acc / len(Xva), 4))
w.close()
base = np.bincount(tr[:, 0]) / len(tr)
ent = -np.log(base[Yva.numpy().ravel()]).mean()
print(f"RESULT val_loss {tot / len(Xva):.4f} val_acc {acc / len(Xva):.4f} unigram_loss {ent:.4f} majority {(Yva == int(base.argmax())).float().mean():.4f}")
