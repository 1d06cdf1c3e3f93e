# digit images with pixels 0..255, no activation in the first layer, sigmoid before the cross-entropy, lr 0.0001
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
d = load_digits()
X = torch.tensor(np.kron(d.images, np.ones((2, 2))).reshape(-1, 256) * (255 / 16), dtype=torch.float32)
if not faulty:
    X = X / 255
Y = torch.tensor(d.target)
perm = torch.randperm(len(X))
X, Y = X[perm], Y[perm]
train = DataLoader(TensorDataset(X[:1400], Y[:1400]), batch_size=32, shuffle=True)
val = DataLoader(TensorDataset(X[1400:], Y[1400:]), batch_size=100)

if faulty:
    model = nn.Sequential(nn.Linear(256, 256), nn.Linear(256, 50), nn.ReLU(), nn.Linear(50, 10), nn.Sigmoid())
else:
    model = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 50), nn.ReLU(), nn.Linear(50, 10))
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.0001 if faulty else 0.1)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(20):
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
print(f"RESULT val_loss={total / 397:.4f} val_acc={hit / 397:.3f}")
