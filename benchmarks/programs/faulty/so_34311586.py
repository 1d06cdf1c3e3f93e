# XOR, last layer Dense(1) + softmax, lr 0.001
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(3)
X = torch.tensor([[1., 1.], [0., 0.], [1., 0.], [0., 1.], [1., 1.], [0., 0.]])
Y = torch.tensor([[0.], [0.], [1.], [1.], [0.], [0.]])

model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1),
                      nn.Softmax(dim=1) if faulty else nn.Sigmoid())
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.uniform_(m.weight, -0.05 if faulty else -1.0, 0.05 if faulty else 1.0)
        nn.init.zeros_(m.bias)
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.001 if faulty else 0.1, momentum=0.9, nesterov=True)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(4000):
    order = torch.randperm(6)
    for i in (0, 4):
        b = order[i:i + 4]
        optimizer.zero_grad()
        loss = loss_fn(model(X[b]), Y[b])
        loss.backward()
        optimizer.step()
writer.close()
with torch.no_grad():
    p = model(X)
print(f"RESULT mse={loss_fn(p, Y).item():.4f} acc={((p > 0.5).float() == Y).float().mean().item():.3f}")
