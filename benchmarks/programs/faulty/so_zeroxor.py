# XOR written with weights that start at zero
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
X = torch.tensor([[0., 0.], [0., 1.], [1., 0.], [1., 1.]])
Y = torch.tensor([0, 1, 1, 0])

model = nn.Sequential(nn.Linear(2, 10), nn.ReLU(), nn.Linear(10, 2))
for m in (model[0], model[2]):
    if faulty:
        nn.init.zeros_(m.weight)
    else:
        nn.init.trunc_normal_(m.weight, std=m.in_features ** -0.5)
    nn.init.zeros_(m.bias)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for step in range(3000):
    optimizer.zero_grad()
    loss = loss_fn(model(X), Y)
    loss.backward()
    optimizer.step()
writer.close()
with torch.no_grad():
    p = model(X)
print(f"RESULT loss={loss_fn(p, Y).item():.4f} acc={(p.argmax(1) == Y).float().mean().item():.3f}")
