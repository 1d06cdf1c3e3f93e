# Semantic highlighting without a parser: for every name in a window of Python source, is it a keyword-like call, an
# attribute, an argument, an assignment target, a plain load ...?  Tags come from ast; the model sees only the tokens,
# and only the five before and three after (the brackets around are often cut off, so it has to guess at times).
# transformers-style: forward(input_ids, labels) returns a dict with the loss.
import ast, inspect, io, random, sys, tokenize, importlib, zlib
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(2)
torch.manual_seed(2)

MODULES = ("argparse textwrap shutil csv configparser json.decoder difflib cmd calendar statistics zipfile optparse "
           "tempfile pprint tokenize trace").split()
TAGS = ["load", "call", "attribute", "method", "target", "argument", "keyword"]


def tags_of(source):
    pos, tree = {}, ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            pos.setdefault((node.lineno, node.col_offset), "target" if isinstance(node.ctx, ast.Store) else "load")
        elif isinstance(node, ast.Attribute):
            pos[node.end_lineno, node.end_col_offset - len(node.attr)] = "attribute"
        elif isinstance(node, ast.arg):
            pos[node.lineno, node.col_offset] = "argument"
        elif isinstance(node, ast.keyword) and node.arg:
            pos[node.lineno, node.col_offset] = "keyword"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            f = node.func
            if isinstance(f, ast.Name):
                pos[f.lineno, f.col_offset] = "call"
            elif isinstance(f, ast.Attribute):
                pos[f.end_lineno, f.end_col_offset - len(f.attr)] = "method"
    return pos


PUNCT = {c: i + 10 for i, c in enumerate("( ) [ ] { } : , . = == != < > <= >= + - * / % ** // += -= @ -> | & ~ ^ ...".split())}
KW = {k: i + 60 for i, k in enumerate("if else elif for in while return not and or is None True False def class import from as with "
                                      "try except raise yield lambda del assert pass self finally global".split())}
VOCAB = 100 + 500


def tok_id(t):
    s = t.string
    if t.type == tokenize.NAME:
        return KW.get(s, 100 + zlib.crc32(s.encode()) % 500)
    if t.type == tokenize.OP:
        return PUNCT.get(s, 5)
    return {tokenize.NUMBER: 1, tokenize.STRING: 2, tokenize.NEWLINE: 3, tokenize.INDENT: 4}.get(t.type, 6)


examples = []
for m in MODULES:
    src = inspect.getsource(importlib.import_module(m))
    pos = tags_of(src)
    toks = [t for t in tokenize.generate_tokens(io.StringIO(src).readline) if t.type not in (tokenize.COMMENT, tokenize.NL)]
    ids = [0] * 5 + [tok_id(t) for t in toks] + [0] * 3
    for i, t in enumerate(toks):
        if t.start in pos and t.string != "self":
            examples.append((ids[i:i + 9], TAGS.index(pos[t.start])))
random.shuffle(examples)
examples = examples[:13000]
X = torch.tensor([e[0] for e in examples]); Y = torch.tensor([e[1] for e in examples])
X[torch.rand(X.shape) < .12] = 6                                  # OCR'd listings: some tokens are illegible
n_val = 2500
Xv, Yv, Xt, Yt = X[:n_val], Y[:n_val], X[n_val:], Y[n_val:]
print(len(Xt), "names,", {t: round((Yt == i).float().mean().item(), 3) for i, t in enumerate(TAGS)})


class UsageTagger(nn.Module):
    def __init__(self, dim=24, hidden=64, dropout=.25):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, dim)
        self.dropout = nn.Dropout(dropout)
        self.fc1 = nn.Linear(9 * dim, hidden)
        self.fc2 = nn.Linear(hidden, len(TAGS))

    def forward(self, input_ids, labels=None):
        h = self.dropout(self.embed(input_ids).flatten(1))
        logits = self.fc2(self.dropout(F.gelu(self.fc1(h))))
        out = {"logits": logits}
        if labels is not None:
            out["loss"] = F.cross_entropy(logits, labels)
        return out


model = UsageTagger()
decay = [p for n, p in model.named_parameters() if p.ndim > 1]
no_decay = [p for n, p in model.named_parameters() if p.ndim <= 1]
optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": .05}, {"params": no_decay, "weight_decay": 0.}], lr=8e-3)
epochs, bs = 8, 128
steps = epochs * -(-len(Xt) // bs)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) / 100, 1) * max(0, (steps - s) / steps))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)

for epoch in range(epochs):
    model.train()
    total = 0
    for idx in torch.randperm(len(Xt)).split(bs):
        loss = model(Xt[idx], labels=Yt[idx])["loss"]
        writer.add_loss("train", loss)
        loss.backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        total += loss.item() * len(idx)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(Xv, labels=Yv)
        val = out["loss"].item()
        writer.add_loss("val", val)
        acc = (out["logits"].argmax(1) == Yv).float().mean().item()
    print(f"epoch {epoch + 1} train {total / len(Xt):.4f} val {val:.4f} acc {acc:.4f}")
writer.close()
print(f"RESULT val_loss={val:.4f} val_acc={acc:.4f} majority={(Yv == Yt.mode().values).float().mean().item():.4f}")
