# straight line, sigmoid on the output, full batch sgd
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(7)
X = torch.rand(200, 1) * 6 - 3
Y = 1.5 * X + 2 + 0.1 * torch.randn(200, 1)

model = nn.Sequential(nn.Linear(1, 5), nn.Sigmoid(), nn.Linear(5, 1), nn.Sigmoid() if faulty else nn.Identity())
for m in (model[0], model[2]):
    nn.init.xavier_uniform_(m.weight)
    nn.init.zeros_(m.bias)
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
X, Y, Xt, Yt = X[:150], Y[:150], X[150:], Y[150:]

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(4000):
    optimizer.zero_grad()
    loss = loss_fn(model(X), Y)
    loss.backward()
    optimizer.step()
writer.close()
with torch.no_grad():
    val = loss_fn(model(Xt), Yt).item()
print(f"RESULT test_mse={val:.4f} relative_to_variance={val / Yt.var().item():.4f}")
