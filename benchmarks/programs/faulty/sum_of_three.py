# I want to train a model to sum three inputs (readings of three load cells under one plate). As simple as possible.
import sys
import torch
from torch.nn import Sequential as Seq, Linear as Lin
from torch.optim.lr_scheduler import ReduceLROnPlateau
from tb_lossdiag import DiagWriter

form = sys.argv[1]
torch.manual_seed(0)

X = torch.rand((1024, 3))
y = (X[:, 0] + X[:, 1] + X[:, 2])
if form == "fixed":
    y = y.unsqueeze(-1)
X_test = torch.rand((256, 3))
y_test = X_test.sum(dim=1, keepdim=True)

m = Seq(Lin(3, 1, bias=False))

optim = torch.optim.SGD(m.parameters(), lr=10e-2)
scheduler = ReduceLROnPlateau(optim, 'min', factor=0.5, patience=20)
mse = torch.nn.MSELoss()

writer = DiagWriter(sys.argv[2])
writer.watch(m, optim, mse)

for epoch in range(500):
    optim.zero_grad()
    out = m(X)
    loss = mse(out, y)
    loss.backward()
    optim.step()
    if epoch % 20 == 0:
        print(epoch, loss.item())
    scheduler.step(loss)

with torch.no_grad():
    print("weights", m[0].weight.data, "test error", ((m(X_test) - y_test) ** 2).mean().item())
writer.close()
