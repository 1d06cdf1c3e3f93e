# Does it fit?  Rental-clothing feedback (small / fit / large), as in the ModCloth and RentTheRunway data.
# Item and size embeddings plus body measurements; about 70 % say "fit" and most of the rest is taste, so the log loss
# only goes from .80 to somewhere around .6.
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser(description="clothing fit")
parser.add_argument("logdir")
parser.add_argument("--emb", default=6, type=int)
parser.add_argument("--hidden", default=48, type=int)
parser.add_argument("--lr", default=3e-3, type=float)
parser.add_argument("--wd", default=1e-2, type=float)
parser.add_argument("--batch", default=128, type=int)
parser.add_argument("--epochs", default=6, type=int)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(12)
rng = np.random.RandomState(12)

n, n_items = 13000, 150
true_cut = rng.normal(0, .8, n_items)                        # some brands cut small
stretch = rng.uniform(.6, 1.4, n_items)
item = rng.choice(n_items, n, p=rng.dirichlet(np.full(n_items, 3.)))
height, bmi, age = rng.normal(166, 7, n), rng.gamma(20, 1.2, n), rng.normal(34, 9, n).clip(16, 75)
weight = bmi * (height / 100) ** 2
ideal = 2 + .9 * (bmi - 24) / 3 + .3 * (height - 166) / 7
size = np.clip(np.round(ideal + .6 * rng.randn(n)), 0, 7).astype(int)
d = (size - np.clip(ideal, 0, 7) + true_cut[item] + .75 * rng.logistic(size=n)) / stretch[item]
fit = np.where(d < -2.1, 0, np.where(d > 2.1, 2, 1))
print("small / fit / large:", np.bincount(fit) / n)
body = np.stack([height, weight, bmi, age], 1)
body[rng.rand(*body.shape) < .05] = np.nan                   # not everybody fills in the form
known = ~np.isnan(body)
body = np.where(known, (body - np.nanmean(body, 0)) / np.nanstd(body, 0), 0)
x = torch.tensor(np.concatenate([body, known], 1), dtype=torch.float32)
item, size, fit = torch.tensor(item), torch.tensor(size), torch.tensor(fit)


class FitNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.item = nn.Embedding(n_items, args.emb)
        self.size = nn.Embedding(8, args.emb)
        for e in (self.item, self.size):
            nn.init.normal_(e.weight, std=.1)
        self.fc1 = nn.Linear(8 + 2 * args.emb, args.hidden)
        self.fc2 = nn.Linear(args.hidden, args.hidden)
        self.fc3 = nn.Linear(args.hidden, 3)

    def forward(self, x, item, size):
        h = torch.cat([x, self.item(item), self.size(size)], 1)
        h = F.relu(self.fc1(h))
        h = F.relu(self.fc2(h)) + h
        return self.fc3(h)


model = FitNet()
optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=args.wd)
n_val = 2500
n_steps = args.epochs * -(-(n - n_val) // args.batch)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, F.cross_entropy)
for epoch in range(args.epochs):
    model.train()
    seen = total = 0
    for b in (torch.randperm(n - n_val) + n_val).split(args.batch):
        loss = writer.loss_fn(model(x[b], item[b], size[b]), fit[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.item() * len(b)
        seen += len(b)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(x[:n_val], item[:n_val], size[:n_val])
        val = writer.loss_fn(out, fit[:n_val]).item()
    acc = (out.argmax(1) == fit[:n_val]).float().mean().item()
    print(f"epoch {epoch}: train {total / seen:.4f}  val {val:.4f}  acc {acc:.4f}")
writer.close()
prior = torch.bincount(fit[n_val:]).float() / (n - n_val)
print(f"RESULT train={total / seen:.4f} val={val:.4f} acc={acc:.4f} prior_loss={-prior.log()[fit[:n_val]].mean():.4f} majority={(fit[:n_val] == 1).float().mean():.4f}")
