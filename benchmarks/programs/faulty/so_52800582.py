# y = x^4 on -100..100 as it is
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
X = torch.rand(5000, 1) * 200 - 100
Y = X ** 4
if not faulty:
    X = X / 100
    Y = (Y - Y.mean()) / Y.std()
train = DataLoader(TensorDataset(X[:4000], Y[:4000]), batch_size=32, shuffle=True)
val = DataLoader(TensorDataset(X[4000:], Y[4000:]), batch_size=500)

model = nn.Sequential(nn.Linear(1, 50), nn.Sigmoid(), nn.Linear(50, 50), nn.ELU(), nn.Linear(50, 1))
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(40):
    model.train()
    for a, b in train:
        optimizer.zero_grad()
        loss = loss_fn(model(a), b)
        loss.backward()
        optimizer.step()
    total = 0.0
    with writer.evaluating("val"):
        for a, b in val:
            total += loss_fn(model(a), b).item() * len(a)
writer.close()
print(f"RESULT val_mse={total / 1000:.4g} relative_to_variance={total / 1000 / Y[4000:].var().item():.4f}")
