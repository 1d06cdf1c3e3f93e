# one sigmoid unit shall learn -1 / (exp(10 x) + 1)
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
X = torch.linspace(-1, 1, 111)[:, None]
Y = (-1 if faulty else 1) / (torch.exp(10 * X) + 1)

model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
nn.init.xavier_uniform_(model[0].weight)
nn.init.zeros_(model[0].bias)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(500):
    order = torch.randperm(len(X))
    for b in order.split(32):
        optimizer.zero_grad()
        loss = loss_fn(model(X[b]), Y[b])
        loss.backward()
        optimizer.step()
writer.close()
with torch.no_grad():
    mse = loss_fn(model(X), Y).item()
print(f"RESULT mse={mse:.4f} relative_to_variance={mse / Y.var().item():.4f}")
