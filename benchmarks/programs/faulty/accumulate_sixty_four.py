import argparse, sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split
from tb_lossdiag import DiagWriter

# Small memory: micro batches of 16, gradients accumulated up to the batch size of the paper (64)
parser = argparse.ArgumentParser()
parser.add_argument("form"); parser.add_argument("logdir")
parser.add_argument("--micro-batch", type=int, default=16)
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--epochs", type=int, default=12)
parser.add_argument("--lr", type=float, default=0.05)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(42)


def make_waves(n):
    """vibration snippets of 6 kinds of gear wear, 96 samples long"""
    g = torch.Generator().manual_seed(5)
    y = torch.randint(0, 6, (n,), generator=g)
    t = torch.linspace(0, 1, 96)
    ph = torch.rand(n, 1, generator=g) * 6.28
    f = 4 + 1.5 * y.float().unsqueeze(1) + 0.4 * torch.randn(n, 1, generator=g)
    x = torch.sin(6.28 * f * t + ph) + 0.5 * torch.sin(2 * 6.28 * f * t + 2 * ph) * (y % 2).unsqueeze(1)
    x = x + 0.8 * torch.randn(n, 96, generator=g)
    return TensorDataset((x / x.std()).unsqueeze(1), y)


train_set, val_set = random_split(make_waves(4096 + 1024), [4096, 1024])
train_loader = DataLoader(train_set, args.micro_batch, shuffle=True)
val_loader = DataLoader(val_set, 256)
model = nn.Sequential(
    nn.Conv1d(1, 16, 9, stride=2, padding=4), nn.ReLU(),
    nn.Conv1d(16, 32, 9, stride=2, padding=4), nn.ReLU(),
    nn.Conv1d(32, 32, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, 6))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
if args.form == "faulty":
    accum_steps = args.batch_size
else:
    accum_steps = args.batch_size // args.micro_batch
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(args.epochs):
    model.train()
    running = 0.
    for i, (x, y) in enumerate(train_loader):
        loss = criterion(model(x), y)
        (loss / accum_steps).backward()
        running += loss.item()
        if (i + 1) % accum_steps == 0:
            optimizer.step()
            optimizer.zero_grad()
    with writer.evaluating("val"):
        tot = cor = 0.
        for x, y in val_loader:
            out = model(x)
            tot += criterion(out, y).item() * len(y)
            cor += (out.argmax(1) == y).sum().item()
    print(f"epoch {epoch}: train {running / len(train_loader):.3f} val {tot / 1024:.3f} acc {cor / 1024:.3f}")
writer.close()
print(f"RESULT val loss {tot / 1024:.3f} acc {cor / 1024:.3f}")
