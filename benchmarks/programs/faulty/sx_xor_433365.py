# XOR, first layer without activation, relu as output, mse
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(9)
X = torch.randint(0, 2, (4000, 2)).float()
Y = (X[:, :1] != X[:, 1:]).float()
X, Y, Xt, Yt = X[:3000], Y[:3000], X[3000:], Y[3000:]

if faulty:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), nn.ReLU())
else:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), nn.Sigmoid())
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
loss_fn = nn.MSELoss() if faulty else nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01 if faulty else 0.1)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(20):
    order = torch.randperm(len(X))
    for b in order.split(32):
        optimizer.zero_grad()
        loss = loss_fn(model(X[b]), Y[b])
        loss.backward()
        optimizer.step()
writer.close()
with torch.no_grad():
    p = model(Xt)
print(f"RESULT test_loss={loss_fn(p, Yt).item():.4f} acc={((p > 0.5).float() == Yt).float().mean().item():.3f}")
