# "Neural network could not learn on this type of data" -- the working version.
# y is about x**3 with x in 1..4000, so both x and y are normalised and the predictions are un-normalised at the end.
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class Network(nn.Module):
    def __init__(self):
        super(Network, self).__init__()
        self.fc1 = nn.Linear(in_features=1, out_features=50, bias=True)
        self.fc2 = nn.Linear(in_features=50, out_features=1, bias=True)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = self.fc2(x)
        return x


x = torch.arange(1, 4000).float().unsqueeze(1)
# readings of the pump: cubic in the speed, with a sensor error of some per cent of full scale
y = x ** 3 + torch.randn_like(x) * 6e9
idx = torch.randperm(len(x))
tr, va = idx[:3200], idx[3200:]

# normalize input and target with what the training part says
input_mean, input_std = x[tr].mean(), x[tr].std()
target_mean, target_std = y[tr].mean(), y[tr].std()
xn = (x - input_mean) / input_std
yn = (y - target_mean) / target_std

model = Network()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
criterion = nn.MSELoss()

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

for epoch in range(1500):
    optimizer.zero_grad()
    out = model(xn[tr])
    loss = criterion(out, yn[tr])
    loss.backward()
    optimizer.step()
    if epoch % 50 == 49:
        with writer.evaluating("val"):
            with torch.no_grad():
                val = criterion(model(xn[va]), yn[va])
        if epoch % 250 == 249:
            print('Epoch {}, loss {:.5f}, val {:.5f}, max. pred val {:.3f}'.format(epoch, loss.item(), val.item(), out.max()))

with torch.no_grad():
    pred = model(xn[va]) * target_std + target_mean
    rmse = (pred - y[va]).pow(2).mean().sqrt()
writer.close()
print(f"RESULT train {loss.item():.5f} val {val.item():.5f} rmse {rmse:.3e} noise {6e9:.3e}")
