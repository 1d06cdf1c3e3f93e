"""Which stdlib package does a docstring come from? Bag of embeddings; the tags of the training part come from a keyword heuristic or from the file path."""
import sys, ast, glob, os, re, random, sysconfig
from collections import Counter
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter
FORM, LOGDIR = sys.argv[1:3]
random.seed(5); torch.manual_seed(5); torch.set_num_threads(1)
lib = sysconfig.get_paths()["stdlib"]
groups = {"asyncio": 0, "multiprocessing": 0, "tkinter": 1, "idlelib": 1, "unittest": 2, "email": 3, "http": 3}
docs = []
for pkg, lab in sorted(groups.items()):
    for f in sorted(glob.glob(os.path.join(lib, pkg, "**", "*.py"), recursive=True)):
        try: tree = ast.parse(open(f, encoding="utf8", errors="ignore").read())
        except SyntaxError: continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)):
                toks = []
                d = ast.get_docstring(node)
                if isinstance(node, ast.FunctionDef):
                    toks = re.findall(r"[a-z]{2,}", ast.unparse(node).lower())[:60]
                if d: toks += re.findall(r"[a-z]{2,}", d.lower())
                if len(toks) > 15: docs.append((toks[:120], lab))
random.shuffle(docs)
docs = docs[:5200]
cut = int(len(docs) * .75)
train, held = docs[:cut], docs[cut:]
print(len(train), Counter(l for _, l in train))
vocab = {w: i + 1 for i, (w, c) in enumerate(Counter(w for t, _ in train for w in t).most_common(3000))}

def tag_by_keywords(toks, path_tag, rnd):
    # tags as the outsourced annotators give them: the ambiguous snippets get the first category that comes to mind
    if rnd.random() < 0.42:
        return rnd.randrange(4)
    return path_tag
if FORM == "faulty":
    rnd = random.Random(8)
    train = [(t, tag_by_keywords(t, l, rnd)) for t, l in train]

def collate(rows):
    off, flat = [], []
    for t, _ in rows:
        off.append(len(flat)); flat += [vocab.get(w, 0) for w in t]
    return torch.tensor(flat), torch.tensor(off), torch.tensor([l for _, l in rows])

class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.EmbeddingBag(3001, 48); self.fc = nn.Sequential(nn.Linear(48, 64), nn.ReLU(), nn.Dropout(.2), nn.Linear(64, 4))
    def forward(self, flat, off): return self.fc(self.emb(flat, off))
net = Tagger(); opt = torch.optim.Adam(net.parameters(), lr=3e-3); ce = nn.CrossEntropyLoss()
w = DiagWriter(LOGDIR); w.watch(net, opt, ce)
for ep in range(10):
    random.shuffle(train); net.train()
    for i in range(0, len(train), 32):
        f, o, y = collate(train[i:i+32])
        opt.zero_grad(); l = ce(net(f, o), y); l.backward(); opt.step()
    net.eval(); good = 0
    with w.evaluating("val"):
        for i in range(0, len(held), 128):
            f, o, y = collate(held[i:i+128]); p = net(f, o); ce(p, y); good += (p.argmax(1) == y).sum().item()
    print(ep, l.item(), good / len(held))
w.close(); print("RESULT heldout_accuracy %.4f" % (good / len(held)))
