# two inputs, target in -1..1, relu as output activation
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(5)
X = torch.rand(300, 2) * 2 - 1
Y = torch.tanh(1.2 * X[:, :1] - 1.0 * X[:, 1:] - 0.35 + 0.05 * torch.randn(300, 1))

model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1), nn.ReLU() if faulty else nn.Tanh())
for m in (model[0], model[2]):
    nn.init.xavier_uniform_(m.weight)
    nn.init.zeros_(m.bias)
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(50 if faulty else 200):
    order = torch.randperm(len(X))
    for i in range(0, len(X), 10):
        b = order[i:i + 10]
        optimizer.zero_grad()
        loss = loss_fn(model(X[b]), Y[b])
        loss.backward()
        optimizer.step()
writer.close()
with torch.no_grad():
    mse = loss_fn(model(X), Y).item()
print(f"RESULT mse={mse:.4f} relative_to_variance={mse / Y.var().item():.4f}")
