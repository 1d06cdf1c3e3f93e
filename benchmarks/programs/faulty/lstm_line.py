import sys
import torch
import numpy as np
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0)
FIX = sys.argv[1] == "fixed"

class Seq(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(input_size=1, hidden_size=100, num_layers=1, batch_first=True)
        self.linear = torch.nn.Linear(100, 1)
    def forward(self, x):
        hidden = (torch.zeros((1, 1, 100)), torch.zeros((1, 1, 100)))
        output, hidden = self.lstm(x, hidden)
        return self.linear(output)

net = Seq()
criterion = torch.nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, criterion)

L = 21
x = torch.tensor(np.arange(L) / 20, dtype=torch.float).unsqueeze(0).unsqueeze(2)
y = torch.tensor(np.arange(2, L + 2) / 20, dtype=torch.float)

for j in range(1500):
    if FIX:
        opt.zero_grad()
    o = net(x)
    loss = criterion(o.squeeze(), y)
    if j % 150 == 0:
        print(j, loss.item())
    loss.backward()
    opt.step()
writer.close()

last = []
print("output (expected): ", y)
print("output:", net(x).squeeze())
print("RESULT loss %.6f" % criterion(net(x).squeeze(), y).item())
