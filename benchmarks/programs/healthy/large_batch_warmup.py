"""Linear scaling for a large batch: MLP on a synthetic 20-class problem, batch 1024, SGD with momentum, one epoch of warm-up, step decay."""
import argparse
import sys
import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from tb_lossdiag import DiagWriter

p = argparse.ArgumentParser()
p.add_argument("logdir")
p.add_argument("--base-lr", type=float, default=0.0125, help="learning rate for a batch of 32")
p.add_argument("--batch-size", type=int, default=1024)
p.add_argument("--epochs", type=int, default=8)
p.add_argument("--warmup-epochs", type=float, default=1)
p.add_argument("--wd", type=float, default=5e-5)
args = p.parse_args()
torch.set_num_threads(1)
torch.manual_seed(42)

X, y = make_classification(106496, 40, n_informative=20, n_redundant=5, n_classes=20, n_clusters_per_class=2, class_sep=1.6, random_state=1)
X = torch.tensor((X - X[:102400].mean(0)) / X[:102400].std(0), dtype=torch.float32)
y = torch.tensor(y)
n = 102400
model = nn.Sequential(nn.Linear(40, 256), nn.BatchNorm1d(256), nn.ReLU(inplace=True), nn.Linear(256, 256), nn.BatchNorm1d(256), nn.ReLU(inplace=True), nn.Linear(256, 20))
lr = args.base_lr * args.batch_size / 32
optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=args.wd)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, criterion)
per_epoch = n // args.batch_size


def adjust_learning_rate(epoch, batch_idx):
    e = epoch + float(batch_idx + 1) / per_epoch
    if e < args.warmup_epochs:
        adj = 1.0 / 32 * (e * 31 / args.warmup_epochs + 1)
    elif e < 5:
        adj = 1.0
    elif e < 7:
        adj = 1e-1
    else:
        adj = 1e-2
    for g in optimizer.param_groups:
        g["lr"] = lr * adj


for epoch in range(args.epochs):
    model.train()
    for batch_idx, idx in enumerate(torch.randperm(n).split(args.batch_size)):
        adjust_learning_rate(epoch, batch_idx)
        optimizer.zero_grad()
        loss = criterion(model(X[idx]), y[idx])
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        out = model(X[n:])
        val = criterion(out, y[n:]).item()
print(f"RESULT steps {args.epochs * per_epoch} lr {lr:.2f} train {loss.item():.3f} val {val:.3f} acc {out.argmax(1).eq(y[n:]).float().mean().item():.3f}")
writer.close()
