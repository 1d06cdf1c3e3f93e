"""Which standard-library package does a snippet come from? Small transformer encoder on characters."""
import sys, os, glob, random
import numpy as np, torch, torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

MODE, LOGDIR = sys.argv[1], sys.argv[2]
torch.manual_seed(7); random.seed(7); np.random.seed(7); torch.set_num_threads(1)

class Config:
    packages = ["email", "tkinter", "asyncio", "unittest"]
    seq_len = 40
    d_model = 32
    heads = 4
    layers = 2
    epochs = 7
    batch = 32
    lr = 1.5e-2 if MODE == "faulty" else 1e-3

cfg = Config()

def snippets():
    root = os.path.dirname(os.__file__)
    tr, va = [], []
    for k, pkg in enumerate(cfg.packages):
        text = "".join(open(f, encoding="utf8", errors="ignore").read()
                       for f in sorted(glob.glob(f"{root}/{pkg}/**/*.py", recursive=True)))
        text = " ".join(text.split())
        n = len(text)
        rng = np.random.default_rng(k)
        for s in rng.integers(0, int(n * .85) - cfg.seq_len, 640): tr.append((text[s:s + cfg.seq_len], k))
        for s in rng.integers(int(n * .85), n - cfg.seq_len, 120): va.append((text[s:s + cfg.seq_len], k))
    return tr, va

def encode(pairs):
    x = torch.tensor([[min(ord(c), 127) for c in s] for s, _ in pairs])
    return TensorDataset(x, torch.tensor([y for _, y in pairs]))

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(128, cfg.d_model)
        self.pos = nn.Parameter(torch.randn(1, cfg.seq_len, cfg.d_model) * .02)
        self.mix = nn.Conv1d(cfg.d_model, cfg.d_model, 5, padding=2)
        layer = nn.TransformerEncoderLayer(cfg.d_model, cfg.heads, 64, dropout=.1, batch_first=True)
        self.enc = nn.TransformerEncoder(layer, cfg.layers)
        self.out = nn.Linear(cfg.d_model, len(cfg.packages))
    def forward(self, x):
        h = self.tok(x) + self.pos
        h = h + torch.relu(self.mix(h.transpose(1, 2)).transpose(1, 2))
        return self.out(self.enc(h).mean(1))

tr, va = snippets()
train_loader = DataLoader(encode(tr), cfg.batch, shuffle=True)
val_loader = DataLoader(encode(va), 240)
model = Encoder()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion)
step = 0
for epoch in range(cfg.epochs):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        step += 1
    hits = tot = 0
    with writer.evaluating("val"):
        for x, y in val_loader:
            logits = model(x); vl = criterion(logits, y)
            hits += (logits.argmax(1) == y).sum().item(); tot += len(y)
    print(f"epoch {epoch} loss {loss.item():.3f} val acc {hits / tot:.3f}", flush=True)
writer.close()
print(f"RESULT val_acc {hits / tot:.3f}")
