"""Grokking on modular addition: AdamW with weight decay 1.0 on 60 % of the p*p table (full batch).
The training set is fitted early, the held-out part follows much later; so the run goes on long after the training accuracy is 100 %."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)

p = 31
train_frac = 0.6
pairs = torch.cartesian_prod(torch.arange(p), torch.arange(p))
labels = (pairs[:, 0] + pairs[:, 1]) % p
perm = torch.randperm(len(pairs))
n_train = int(train_frac * len(pairs))
tr, te = perm[:n_train], perm[n_train:]


class Net(nn.Module):
    def __init__(self, d=64, hidden=128):
        super().__init__()
        self.embed = nn.Embedding(p, d)
        self.l1 = nn.Linear(d, hidden, bias=False)
        self.l2 = nn.Linear(hidden, p, bias=False)

    def forward(self, ab):
        e = self.embed(ab)
        return self.l2(F.relu(self.l1(e[:, 0] + e[:, 1])))


model = Net()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1.0, betas=(0.9, 0.98))
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(s / 10, 1))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, F.cross_entropy)

for step in range(2000):
    model.train()
    logits = model(pairs[tr])
    loss = writer.loss_fn(logits, labels[tr])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if (step + 1) % 100 == 0:
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            out = model(pairs[te])
            val = writer.loss_fn(out, labels[te]).item()
            val_acc = (out.argmax(-1) == labels[te]).float().mean().item()
        acc = (logits.argmax(-1) == labels[tr]).float().mean().item()
        if (step + 1) % 200 == 0:
            print(f"{step + 1:5d} loss {loss.item():.4f} acc {acc:.3f} | val loss {val:.4f} acc {val_acc:.3f}")
writer.close()
print(f"RESULT train_loss={loss.item():.5f} val_loss={val:.5f} val_acc={val_acc:.4f}")
