"""Which walker?  Step sequences (accelerometer-like, simulated gaits of 10 people) -> GRU -> person.
Stops by itself when the validation loss no longer improves.     args: faulty|fixed LOGDIR
"""
import argparse
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
ap = argparse.ArgumentParser()
ap.add_argument("form", choices=["faulty", "fixed"])
ap.add_argument("logdir")
ap.add_argument("--batch-size", type=int, default=64)
ap.add_argument("--lr", type=float, default=6e-4)
ap.add_argument("--patience", type=int, default=1)
ap.add_argument("--start-from", type=int, default=4)
ap.add_argument("--epochs", type=int, default=20)
args = ap.parse_args()
min_delta = 0.2 if args.form == "faulty" else 0.002
torch.manual_seed(6)
rng = np.random.default_rng(6)
PEOPLE, T = 10, 30
cad = rng.uniform(.13, .2, PEOPLE)
amp = rng.uniform(.4, 1.2, (PEOPLE, 3, 3))
pha = rng.uniform(0, 6.28, (PEOPLE, 3, 3))


def walks(n):
    who = rng.integers(0, PEOPLE, n)
    t = np.arange(T)
    x = np.zeros((n, T, 3), dtype="float32")
    for i, k in enumerate(who):
        c = cad[k] * rng.normal(1, .04)
        p0 = rng.uniform(0, 6.28)
        for h in range(3):
            for ax in range(3):
                x[i, :, ax] += amp[k, h, ax] / (h + 1) * np.sin((h + 1) * (6.28 * c * t + p0) + pha[k, h, ax])
    x += rng.normal(0, .35, x.shape)
    return torch.from_numpy(x), torch.from_numpy(who)


class GaitNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(3, 48, batch_first=True)
        self.fc = nn.Sequential(nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, PEOPLE))

    def forward(self, x):
        h, _ = self.rnn(x)
        return self.fc(h.mean(1))


class EarlyStopping:
    def __init__(self, patience, min_delta):
        self.patience, self.min_delta, self.best, self.count = patience, min_delta, float("inf"), 0

    def __call__(self, value):
        if value < self.best - self.min_delta:
            self.best, self.count = value, 0
        else:
            self.count += 1
        return self.count >= self.patience


def run_epoch(model, x, y, criterion, optimizer=None):
    n, loss_sum, correct = len(x), 0.0, 0
    order = torch.randperm(n) if optimizer else torch.arange(n)
    for b in order.split(args.batch_size):
        out = model(x[b])
        loss = criterion(out, y[b])
        if optimizer:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss_sum += loss.item() * len(b)
        correct += (out.argmax(1) == y[b]).sum().item()
    return loss_sum / n, correct / n


xtr, ytr = walks(2400)
xva, yva = walks(800)
model = GaitNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, criterion)
stopper = EarlyStopping(args.patience, min_delta)
for epoch in range(args.epochs):
    model.train()
    tl, ta = run_epoch(model, xtr, ytr, criterion, optimizer)
    with writer.evaluating("val"):
        vl, va = run_epoch(model, xva, yva, criterion)
    for tag, v in (("loss/train", tl), ("loss/val", vl), ("acc/train", ta), ("acc/val", va)):
        writer.add_scalar(tag, v, epoch)
    print(f"{epoch:2d} train {tl:.3f}/{ta:.3f} val {vl:.3f}/{va:.3f}")
    if epoch >= args.start_from and stopper(vl):
        print("early stopping")
        break
writer.close()
print(f"RESULT val_acc {va:.4f} val_loss {vl:.4f}")
