"""Fine-tuning: body pretrained on digits 0-6, then all ten classes; small lr for the body, larger for the new head."""
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
LR = 3e-3
d = load_digits(); X = torch.tensor(d.images / 8 - 1, dtype=torch.float32)[:, None]; y = torch.tensor(d.target)
perm = torch.randperm(len(X)); tr, va = perm[:1300], perm[1300:]


def body():
    return nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 64), nn.ReLU())


backbone = body()
src = tr[y[tr] < 7]
pre = nn.Sequential(backbone, nn.Linear(64, 7)); o = torch.optim.Adam(pre.parameters(), 1e-3)
for _ in range(6):
    for b in src[torch.randperm(len(src))].split(32):
        o.zero_grad(); nn.functional.cross_entropy(pre(X[b]), y[b]).backward(); o.step()

model = nn.Sequential(backbone, nn.Linear(64, 10))
for p in backbone[0].parameters():
    p.requires_grad_(False)                      # the first convolution stays as it is, on purpose
opt = torch.optim.Adam([{"params": [p for p in backbone.parameters() if p.requires_grad], "lr": LR / 5}, {"params": model[1].parameters(), "lr": LR}], lr=LR)
crit = nn.CrossEntropyLoss()
w = DiagWriter(sys.argv[1]); w.watch(model, opt, crit)
dl, vl = DataLoader(TensorDataset(X[tr], y[tr]), 32, shuffle=True), DataLoader(TensorDataset(X[va], y[va]), 100)
for ep in range(12):
    model.train()
    for a, b in dl:
        opt.zero_grad(); loss = crit(model(a), b); loss.backward(); opt.step()
    model.eval(); v = acc = 0
    with w.evaluating("val"):
        for a, b in vl:
            q = model(a); v += crit(q, b).item() * len(b) / len(va); acc += (q.argmax(1) == b).sum().item() / len(va)
print(f"train {loss.item():.4f} val {v:.4f} acc {acc:.3f}")
w.close()
