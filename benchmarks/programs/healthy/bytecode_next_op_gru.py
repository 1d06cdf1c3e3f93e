"""Next-opcode model: a GRU over the bytecode of the standard library (real data, via dis).

usage: python bytecode_next_op_gru.py LOGDIR
"""
import dis, os, random, sys, sysconfig, types
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

CONFIG = dict(seed=42, seq_len=32, emb=48, hidden=96, batch=32, epochs=5, lr=8e-3, clip=1.0, dropout=0.2)


def functions(code):
    yield code
    for c in code.co_consts:
        if isinstance(c, types.CodeType):
            yield from functions(c)


def opcode_files():
    lib = sysconfig.get_paths()["stdlib"]
    for fn in sorted(os.listdir(lib))[:70]:
        if fn.endswith(".py"):
            try:
                code = compile(open(os.path.join(lib, fn), encoding="utf8").read(), fn, "exec")
            except (SyntaxError, UnicodeDecodeError):
                continue
            yield [i.opname for c in functions(code) for i in dis.get_instructions(c)]


class OpModel(nn.Module):
    def __init__(self, n, cfg):
        super().__init__()
        self.embed = nn.Embedding(n, cfg["emb"])
        self.gru = nn.GRU(cfg["emb"], cfg["hidden"], batch_first=True)
        self.drop = nn.Dropout(cfg["dropout"])
        self.proj = nn.Linear(cfg["hidden"], n)

    def forward(self, x):
        h, _ = self.gru(self.drop(self.embed(x)))
        return self.proj(self.drop(h)).transpose(1, 2)


def windows(seqs, L):
    flat = torch.tensor([t for s in seqs for t in s])
    n = (len(flat) - 1) // L
    return TensorDataset(flat[:n * L].view(n, L), flat[1:n * L + 1].view(n, L))


def main():
    cfg = CONFIG
    random.seed(cfg["seed"]); torch.manual_seed(cfg["seed"]); torch.set_num_threads(1)
    files = list(opcode_files())
    random.shuffle(files)
    cut = int(0.85 * len(files))
    vocab = {op: i for i, op in enumerate(sorted({o for f in files for o in f}))}
    ids = [[vocab[o] for o in f] for f in files]
    tr, va = windows(ids[:cut], cfg["seq_len"]), windows(ids[cut:], cfg["seq_len"])
    train_dl, val_dl = DataLoader(tr, cfg["batch"], shuffle=True, drop_last=True), DataLoader(va, 128)
    model = OpModel(len(vocab), cfg)
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg["lr"])
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, cfg["epochs"] * len(train_dl), eta_min=1e-4)
    criterion = nn.CrossEntropyLoss()
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optimizer, criterion)
    for epoch in range(cfg["epochs"]):
        model.train()
        total = 0.0
        for x, y in train_dl:
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), cfg["clip"])
            optimizer.step()
            scheduler.step()
            total += loss.item()
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            v = sum(criterion(model(x), y).item() * len(x) for x, y in val_dl) / len(va)
        writer.add_scalar("epoch/train_loss", total / len(train_dl), epoch)
        print(f"Epoch {epoch}: train {total / len(train_dl):.4f} val {v:.4f}")
    writer.close()
    n = len(vocab)

    def gram(k):                                # interpolated k-gram with add-0.05
        from collections import Counter
        import math
        c, ctx, s, m = Counter(), Counter(), 0.0, 0
        for f in ids[:cut]:
            for i in range(k, len(f)):
                c[tuple(f[i - k:i + 1])] += 1; ctx[tuple(f[i - k:i])] += 1
        for f in ids[cut:]:
            for i in range(k, len(f)):
                s -= math.log((c[tuple(f[i - k:i + 1])] + .05) / (ctx[tuple(f[i - k:i])] + .05 * n)); m += 1
        return round(s / m, 4)
    print("RESULT windows", len(tr), "val_loss", round(v, 4), "bigram", gram(1), "trigram", gram(2), "fourgram", gram(3))


if __name__ == "__main__":
    main()
