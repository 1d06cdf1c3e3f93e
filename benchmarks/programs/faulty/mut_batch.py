# digit MLP with sgd; the batch size was changed from 32 to the whole training set
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
Y = torch.tensor(d.target)
perm = torch.randperm(len(X))
X, Y = X[perm], Y[perm]
train = DataLoader(TensorDataset(X[:1400], Y[:1400]), batch_size=1400 if faulty else 32, shuffle=True)
val = DataLoader(TensorDataset(X[1400:], Y[1400:]), batch_size=100)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

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
            hit += (p.argmax(1) == b).sum().item()
writer.close()
print(f"RESULT val_loss={total / 397:.4f} val_acc={hit / 397:.3f}")
