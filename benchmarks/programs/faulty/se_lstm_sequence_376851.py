# "Why is LSTM so ineffective at this ridiculously simple sequence?"
# now with many noisy ramps instead of the single (0, 0.05, ..., 1): predict the value two steps ahead
import sys
import torch
import numpy as np
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0); np.random.seed(0)

lstm = torch.nn.LSTM(input_size=1, hidden_size=24, num_layers=1, batch_first=True).to(torch.double)
linear = torch.nn.Linear(24, 1).to(torch.double)
net = torch.nn.ModuleDict({"lstm": lstm, "linear": linear})
criterion = torch.nn.MSELoss()
params = list(lstm.parameters()) + list(linear.parameters())
optimizer = torch.optim.Adam(params, lr=1e-2)

L = 21

def ramps(n):
    start = np.random.uniform(-1, 1, (n, 1)); slope = np.random.normal(0, .05, (n, 1)); bend = np.random.normal(0, .002, (n, 1))
    t = np.arange(L + 2)[None]
    s = start + slope * t + bend * t ** 2 + .1 * np.sin(t * np.random.uniform(.3, .9, (n, 1)))
    s = s + np.random.normal(0, .02, s.shape)
    return torch.tensor(s[:, :L]).unsqueeze(2), torch.tensor(s[:, 2:])

x_all, y_all = ramps(1200)
x_val, y_val = ramps(300)

def forward(x):
    hidden = (torch.zeros((1, x.shape[0], 24), dtype=torch.double), torch.zeros((1, x.shape[0], 24), dtype=torch.double))
    output, hidden = lstm(x, hidden)
    return linear(output).squeeze(2)

writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)
for j in range(840):
    if j == 560:
        for group in optimizer.param_groups:
            group["lr"] *= 0.2
    b = torch.randint(0, len(x_all), (32,))
    x, y = x_all[b], y_all[b]
    if sys.argv[1] != "faulty":
        optimizer.zero_grad()
    loss = criterion(forward(x), y)
    loss.backward()
    optimizer.step()
    if j % 70 == 69:
        with torch.no_grad(), writer.evaluating("val"):
            v = criterion(forward(x_val), y_val)
        print(j, "%.5f" % loss.item(), "val %.5f" % v.item())
writer.close()
base = ((x_val[:, :, 0] - y_val) ** 2).mean().item()
print(f"RESULT val mse {v.item():.5f} (repeating the last value: {base:.5f})")
