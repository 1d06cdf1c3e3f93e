# three degrees of damage, one output with binary cross-entropy (labels 0, 1, 2)
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
n = 1100
Y = torch.randint(0, 3, (n,))
X = torch.rand(n, 3, 1, 1) * 0.4 + 0.4 + 0.05 * torch.randn(n, 3, 32, 32)
for i in range(n):
    for _ in range(1 + 4 * int(Y[i])):
        r, c, h = torch.randint(0, 24, (1,)).item(), torch.randint(0, 24, (1,)).item(), torch.randint(3, 8, (1,)).item()
        X[i, :, r:r + h, c:c + h] -= 0.25
X = X.clamp(0, 1)
outputs = 1 if faulty else 3
T = Y.float()[:, None] if faulty else Y
train = DataLoader(TensorDataset(X[:900], T[:900]), batch_size=16, shuffle=True)
val = DataLoader(TensorDataset(X[900:], T[900:]), batch_size=50)

model = nn.Sequential(
    nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Dropout(0.5),
    nn.Linear(64, outputs),
)
for m in model:
    if isinstance(m, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
loss_fn = nn.BCEWithLogitsLoss() if faulty else nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9, eps=1e-7)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(15):
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
            guess = (p.sigmoid() > 0.5).float() if faulty else p.argmax(1)
            hit += (guess == b).sum().item()
writer.close()
print(f"RESULT val_loss={total / 200:.4f} val_acc={hit / 200:.3f}")
