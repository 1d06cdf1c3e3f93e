"""Linear-chain CRF for docstring sections, trained as CRFs were: full batch, L-BFGS, L2 prior.

Every function docstring of the standard library is a sequence of lines, each to be labelled
blank / prose / example (>>> or indented output) / list item; the label comes from a rule that looks at
neighbours, the features only at the line itself.
"""
import ast, os, re, sys, sysconfig
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.manual_seed(0)
torch.set_num_threads(1)


def docstrings():
    lib = sysconfig.get_paths()["stdlib"]
    for fn in sorted(os.listdir(lib))[:150]:
        if not fn.endswith(".py"):
            continue
        try:
            tree = ast.parse(open(os.path.join(lib, fn), encoding="utf8").read())
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                d = ast.get_docstring(node)
                if d and 5 <= d.count("\n") <= 30:
                    yield d.split("\n")


def label(lines):
    out, inside = [], False
    for k, ln in enumerate(lines):
        s = ln.strip()
        if s.startswith((">>>", "...")):
            out.append(2); inside = True
        elif not s:
            out.append(0); inside = False
        elif inside:
            out.append(2)
        elif re.match(r"[-*o]\s|\w+\s*[:=-]{1,2}\s", s):
            out.append(3)
        else:
            out.append(1)
    return out


def feats(ln):
    s = ln.strip()
    ind = len(ln) - len(ln.lstrip())
    f = [not s, s.startswith(">>>"), s.startswith("..."), ind > 0, ind > 3, s.endswith("."), s.endswith(":"), s[:1].isupper(),
         s[:1].islower(), s[:1].isdigit(), s[:1] in "[({'\"", s[:1] in "-*", ":" in s, "=" in s, "--" in s, len(s) > 60, len(s) < 20, "(" in s, " " not in s, True]
    return [float(v) for v in f]


class CRF(nn.Module):
    def __init__(self, nf, nl):
        super().__init__()
        self.emit = nn.Linear(nf, nl, bias=False)
        self.trans = nn.Parameter(torch.zeros(nl, nl))
        self.start = nn.Parameter(torch.zeros(nl))
        nn.init.zeros_(self.emit.weight)

    def nll(self, x, y, mask):
        e = self.emit(x)
        m = mask.float()
        g = self.start[y[:, 0]] + (e.gather(2, y[..., None]).squeeze(2) * m).sum(1) + (self.trans[y[:, :-1], y[:, 1:]] * m[:, 1:]).sum(1)
        a = self.start + e[:, 0]
        for t in range(1, x.shape[1]):
            n = torch.logsumexp(a[:, :, None] + self.trans, 1) + e[:, t]
            a = torch.where(mask[:, t, None], n, a)
        return (torch.logsumexp(a, 1) - g).sum() / m.sum()

    def viterbi(self, x, n):
        e = self.emit(x[None])[0]
        a, back = self.start + e[0], []
        for t in range(1, n):
            s = a[:, None] + self.trans
            back.append(s.argmax(0))
            a = s.max(0).values + e[t]
        path = [int(a.argmax())]
        for b in reversed(back):
            path.append(int(b[path[-1]]))
        return path[::-1]


def pack(docs):
    T = max(map(len, docs))
    x = torch.zeros(len(docs), T, 20)
    y = torch.zeros(len(docs), T, dtype=torch.long)
    m = torch.zeros(len(docs), T, dtype=torch.bool)
    for i, d in enumerate(docs):
        x[i, :len(d)] = torch.tensor([feats(ln) for ln in d])
        y[i, :len(d)] = torch.tensor(label(d))
        m[i, :len(d)] = True
    return x, y, m


docs = list(docstrings())
perm = torch.randperm(len(docs)).tolist()
docs = [docs[i] for i in perm]
cut = int(.75 * len(docs))
tr, va = pack(docs[:cut]), pack(docs[cut:])
crf = CRF(20, 4)
opt = torch.optim.LBFGS(crf.parameters(), lr=1.0, max_iter=4, history_size=10, line_search_fn="strong_wolfe")
writer = DiagWriter(sys.argv[1])
writer.watch(crf, opt)
l2 = 1e-4
for it in range(15):
    def closure():
        opt.zero_grad()
        loss = crf.nll(*tr) + l2 * sum((p ** 2).sum() for p in crf.parameters())
        loss.backward()
        return loss
    loss = opt.step(closure)
    with torch.no_grad():
        v = crf.nll(*va).item()
    writer.add_scalar("Loss/train", loss.item(), it)
    writer.add_scalar("Loss/val", v, it)
    if it % 3 == 2:
        print(it + 1, round(loss.item(), 5), round(v, 5))
writer.close()
with torch.no_grad():
    hit = tot = 0
    for x, y, m in zip(*va):
        n = int(m.sum())
        p = torch.tensor(crf.viterbi(x, n))
        hit += (p == y[:n]).sum().item(); tot += n
from sklearn.linear_model import LogisticRegression
lr = LogisticRegression(max_iter=1000).fit(tr[0][tr[2]], tr[1][tr[2]])
print("RESULT docs", len(docs), "val_nll_per_line", round(v, 4), "viterbi_acc", round(hit / tot, 4), "logreg_acc_without_chain", round(lr.score(va[0][va[2]], va[1][va[2]]), 4))
