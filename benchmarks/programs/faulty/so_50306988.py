# two clearly separate clusters, sigmoid network of two units, five epochs of adam
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
X = torch.cat([torch.rand(200, 2) * 0.2 + 0.2, torch.rand(200, 2) * 0.2 + 0.5])
Y = torch.cat([torch.zeros(200), torch.ones(200)]).long()

model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 2))
for m in (model[0], model[2]):
    nn.init.xavier_uniform_(m.weight)
    nn.init.zeros_(m.bias)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(5 if faulty else 400):
    order = torch.randperm(len(X))
    for i in range(0, len(X), 32):
        b = order[i:i + 32]
        optimizer.zero_grad()
        loss = loss_fn(model(X[b]), Y[b])
        loss.backward()
        optimizer.step()
writer.close()
with torch.no_grad():
    p = model(X)
print(f"RESULT loss={loss_fn(p, Y).item():.4f} acc={(p.argmax(1) == Y).float().mean().item():.3f}")
