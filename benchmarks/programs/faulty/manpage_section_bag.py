"""Which stdlib module does this docstring line come from? Mean of word vectors + MLP."""
import sys, re, importlib, inspect, torch, torch.nn as nn, random
from tb_lossdiag import DiagWriter
torch.manual_seed(4); random.seed(4); torch.set_num_threads(1); form, logdir = sys.argv[1:3]
MODS = ["socket", "decimal", "tarfile", "datetime", "turtle", "unittest.mock"]
data = []
for k, m in enumerate(MODS):
    words = re.findall(r"[a-z]{3,}", inspect.getsource(importlib.import_module("_py" + m if m in ("decimal", "datetime") and False else {"decimal": "_pydecimal", "datetime": "datetime"}.get(m, m))).lower())
    data += [(words[i:i + 12], k) for i in range(0, min(len(words), 6000), 12)]
random.shuffle(data); vocab = {}
for ws, _ in data:
    for q in ws: vocab.setdefault(q, len(vocab))
X = torch.tensor([[vocab[q] for q in (ws + ws * 12)[:12]] for ws, _ in data]); y = torch.tensor([k for _, k in data]); n = int(.8 * len(X))
class Bag(nn.Module):
    def __init__(self):
        super().__init__(); self.tables = [nn.Embedding(len(vocab), 48)]
        if form == "fixed": self.tables = nn.ModuleList(self.tables)
        nn.init.normal_(self.tables[0].weight, std=.1); self.head = nn.Sequential(nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 6))
    def forward(self, t): return self.head(sum(e(t).mean(1) for e in self.tables))
net = Bag(); opt = torch.optim.Adam(net.parameters(), 3e-3); ce = nn.CrossEntropyLoss(); w = DiagWriter(logdir); w.watch(net, opt, ce)
for ep in range(15):
    for b in torch.randperm(n).split(64):
        opt.zero_grad(); ce(net(X[b]), y[b]).backward(); opt.step()
    with w.evaluating("val"): o = net(X[n:]); l = ce(o, y[n:])
    acc = (o.argmax(1) == y[n:]).float().mean().item(); print(ep, l.item(), acc)
w.close(); print("RESULT val_acc %.4f" % acc)
