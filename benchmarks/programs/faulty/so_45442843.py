# one raw feature, a network of two units, softmax over one unit, mean absolute error
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(7)
rng = np.random.default_rng(7)
n = 5000
x = rng.uniform(0, 3000, (n, 1))
y = (x + rng.normal(0, 200, (n, 1)) > 1300).astype("float32")
if not faulty:
    x = (x - x.mean()) / x.std()
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
train = DataLoader(TensorDataset(x[:4000], y[:4000]), batch_size=200, shuffle=True)
val = DataLoader(TensorDataset(x[4000:], y[4000:]), batch_size=200)

model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid(), nn.Linear(1, 1), nn.Softmax(dim=1) if faulty else nn.Sigmoid())
nn.init.xavier_uniform_(model[0].weight)
nn.init.normal_(model[2].weight, std=0.05)
for m in (model[0], model[2]):
    nn.init.zeros_(m.bias)
loss_fn = nn.L1Loss() if faulty else nn.BCELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9, eps=1e-7)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(200):
    model.train()
    for a, b in train:
        optimizer.zero_grad()
        loss = loss_fn(model(a), b)
        loss.backward()
        optimizer.step()
    hit = 0
    with writer.evaluating("val"):
        for a, b in val:
            p = model(a)
            last = loss_fn(p, b).item()
            hit += ((p > 0.5).float() == b).sum().item()
writer.close()
print(f"RESULT val_loss={last:.4f} val_acc={hit / 1000:.3f}")
