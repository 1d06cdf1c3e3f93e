# y = 5 x with one weight, rmsprop 0.001, 200 epochs
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
X = torch.linspace(1, 2, 100)[:, None]
Y = X * 5
perm = torch.randperm(100)
X, Y, Xt, Yt = X[perm[:80]], Y[perm[:80]], X[perm[80:]], Y[perm[80:]]

model = nn.Sequential(nn.Linear(1, 1))
nn.init.xavier_uniform_(model[0].weight)
nn.init.zeros_(model[0].bias)
loss_fn = nn.MSELoss()
optimizer = (torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9, eps=1e-7) if faulty
             else torch.optim.Adam(model.parameters(), lr=0.1))

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(200):
    order = torch.randperm(len(X))
    for i in range(0, len(X), 32):
        b = order[i:i + 32]
        optimizer.zero_grad()
        loss = loss_fn(model(X[b]), Y[b])
        loss.backward()
        optimizer.step()
writer.close()
with torch.no_grad():
    mae = (model(Xt) - Yt).abs().mean().item()
print(f"RESULT test_mae={mae:.4f} train_mse={loss.item():.5f}")
