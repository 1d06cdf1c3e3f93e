"""y = x**4 with a small dense network (Keras question, port)."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1:3]
torch.set_num_threads(1)
np.random.seed(0); torch.manual_seed(0)

x = np.arange(-100, 100, 0.1)
y = x ** 4
if mode == "fixed":
    x = x / 100.0
    y = y / 1e8
x = torch.tensor(x, dtype=torch.float32).unsqueeze(1)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(1, 50)
        self.fc2 = nn.Linear(50, 50)
        self.out = nn.Linear(50, 1)
        for m in (self.fc1, self.fc2, self.out):
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)

    def forward(self, x):
        x = torch.sigmoid(self.fc1(x))
        x = nn.functional.elu(self.fc2(x))
        return self.out(x)


net = Net()
loss_fn = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=0.001)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32, shuffle=True)

writer = DiagWriter(logdir)
writer.watch(net, opt, loss_fn)

for epoch in range(300):
    running = 0.0
    for xb, yb in loader:
        opt.zero_grad()
        loss = loss_fn(net(xb), yb)
        loss.backward()
        opt.step()
        running += loss.item() * len(xb)
    if epoch % 30 == 29:
        with torch.no_grad():
            p = net(x)
        r2 = 1 - ((p - y) ** 2).sum() / ((y - y.mean()) ** 2).sum()
        print(f"Epoch {epoch + 1}/300  loss: {running / len(x):.6g}  R2: {r2.item():.4f}")
writer.close()
