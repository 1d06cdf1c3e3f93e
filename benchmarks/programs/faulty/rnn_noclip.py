# adding problem with a ReLU RNN (IRNN)
import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(5)

seq_len, hidden, batch_size, iters = 40, 64, 32, 1600
clip = None if sys.argv[1] == "faulty" else 1.0

def next_batch():
    v = torch.rand(batch_size, seq_len)
    m = torch.zeros(batch_size, seq_len)
    r = torch.arange(batch_size)
    m[r, torch.randint(0, seq_len // 2, (batch_size,))] = 1
    m[r, torch.randint(seq_len // 2, seq_len, (batch_size,))] = 1
    return torch.stack([v, m], 2), (v * m).sum(1, keepdim=True)

class IRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(2, hidden, nonlinearity="relu", batch_first=True)
        self.lin = nn.Linear(hidden, 1)
        with torch.no_grad():
            self.rnn.weight_hh_l0.copy_(torch.eye(hidden))
            self.rnn.weight_ih_l0.normal_(0, 0.05)
            self.rnn.bias_hh_l0.zero_(); self.rnn.bias_ih_l0.zero_()
    def forward(self, x):
        o, _ = self.rnn(x)
        return self.lin(o[:, -1])

net = IRNN()
criterion = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, criterion)
avg = []
for it in range(iters):
    x, y = next_batch()
    opt.zero_grad()
    loss = criterion(net(x), y)
    loss.backward()
    if clip is not None:
        torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
    opt.step()
    avg.append(loss.item())
    if it % 250 == 249:
        print(it + 1, sum(avg[-250:]) / 250, "max", max(avg[-250:]))
writer.close()
print("RESULT loss %.4f (baseline 0.167)" % (sum(avg[-200:]) / 200))
