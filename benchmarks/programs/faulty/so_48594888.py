# CNN on small colour images, batch 1000, five epochs
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
n, classes = 4000, 10
Y = torch.randint(0, classes, (n,))
grid = torch.linspace(0, 1, 16)
yy, xx = torch.meshgrid(grid, grid, indexing="ij")
angle = (Y % 5) * torch.pi / 5 + 0.12 * torch.randn(n)
freq = torch.where(Y < 5, 3.0, 5.0) + 0.3 * torch.randn(n)
phase = torch.rand(n) * 6.283
wave = torch.sin(6.283 * freq[:, None, None] * (xx * angle.cos()[:, None, None] + yy * angle.sin()[:, None, None]) + phase[:, None, None])
tint = torch.rand(n, 3, 1, 1)
X = (0.5 + 0.25 * wave[:, None] * tint + 0.12 * torch.randn(n, 3, 16, 16)).clamp(0, 1)
Xt, Yt, X, Y = X[3000:], Y[3000:], X[:3000], Y[:3000]

model = nn.Sequential(
    nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(64 * 9, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, classes),
)
for m in model:
    if isinstance(m, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
train = DataLoader(TensorDataset(X, Y), batch_size=1000 if faulty else 32, shuffle=True)
val = DataLoader(TensorDataset(Xt, Yt), batch_size=250)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(5 if faulty else 12):
    model.train()
    for a, b in train:
        optimizer.zero_grad()
        loss = loss_fn(model(a), b)
        loss.backward()
        optimizer.step()
    hit = 0
    total = 0.0
    with writer.evaluating("val"):
        for a, b in val:
            p = model(a)
            total += loss_fn(p, b).item() * len(a)
            hit += (p.argmax(1) == b).sum().item()
writer.close()
print(f"RESULT val_loss={total / 1000:.4f} val_acc={hit / 1000:.3f}")
