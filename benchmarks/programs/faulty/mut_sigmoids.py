# two circles; eight hidden layers whose activation was changed from relu to sigmoid
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import make_circles
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
x, y = make_circles(1500, noise=0.08, factor=0.5, random_state=0)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None]
train = DataLoader(TensorDataset(x[:1000], y[:1000]), batch_size=32, shuffle=True)
val = DataLoader(TensorDataset(x[1000:], y[1000:]), batch_size=100)
act = nn.Sigmoid if faulty else nn.ReLU
layers = [nn.Linear(2, 16), act()]
for _ in range(7):
    layers += [nn.Linear(16, 16), act()]
model = nn.Sequential(*layers, nn.Linear(16, 1))
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.kaiming_uniform_(m.weight, nonlinearity="relu")
        nn.init.zeros_(m.bias)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(60):
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
            hit += ((p > 0).float() == b).sum().item()
writer.close()
print(f"RESULT val_loss={total / 500:.4f} val_acc={hit / 500:.3f}")
