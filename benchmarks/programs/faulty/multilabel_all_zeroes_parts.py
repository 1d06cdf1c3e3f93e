# which of 12 components are defective? (several can be), sensor table; nearly all entries of the label matrix are 0
import sys
import torch
import torch.nn as nn
import numpy as np
from sklearn.metrics import f1_score
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(8); rng = np.random.default_rng(8)

def table(n, W=np.random.default_rng(1).normal(size=(12, 40)) * (np.random.default_rng(2).random((12, 40)) < .3)):
    Y = (rng.random((n, 12)) < .02).astype(np.float32)
    X = 1.1 * Y @ W + rng.normal(size=(n, 40))
    return torch.tensor(X, dtype=torch.float32), torch.tensor(Y)

(Xtr, Ytr), (Xva, Yva) = table(4000), table(1500)
pos_weight = None if sys.argv[1] == "faulty" else (len(Ytr) - Ytr.sum(0)) / Ytr.sum(0) / 4
model = nn.Sequential(nn.Linear(40, 48), nn.ReLU(), nn.Dropout(.3), nn.Linear(48, 12))
criterion = nn.BCEWithLogitsLoss(pos_weight=pos_weight)
opt = torch.optim.Adam(model.parameters(), lr=float(sys.argv[3]) if len(sys.argv) > 3 else 1e-3, weight_decay=1e-4)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, criterion)
for epoch in range(15):
    model.train()
    for b in torch.randperm(4000).split(64):
        opt.zero_grad()
        loss = criterion(model(Xtr[b]), Ytr[b])
        loss.backward()
        opt.step()
    model.eval()
    with writer.evaluating("val"):
        out = model(Xva)
        vl = criterion(out, Yva).item()
    pred = (out > 0).numpy()
    f1 = f1_score(Yva.numpy(), pred, average="micro", zero_division=0)
    print(epoch, f"{loss.item():.4f} val {vl:.4f} micro f1 {f1:.3f} predicted {pred.mean():.4f} true {Yva.mean():.4f}")
writer.close()
print(f"RESULT micro f1 {f1:.3f} share of defects found {(pred & (Yva.numpy() > 0)).sum() / Yva.sum().item():.3f}")
