# the adding problem (Hochreiter & Schmidhuber) with a ReLU RNN
import sys, torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(2)
T, B, H = 20, 50, 64

def batch():
    v = torch.rand(B, T); m = torch.zeros(B, T)
    m[torch.arange(B), torch.randint(0, T // 2, (B,))] = 1
    m[torch.arange(B), torch.randint(T // 2, T, (B,))] = 1
    return torch.stack([v, m], 2), (v * m).sum(1, keepdim=True)

class Adder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(2, H, nonlinearity='relu', batch_first=True)
        nn.init.eye_(self.rnn.weight_hh_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0); nn.init.zeros_(self.rnn.bias_ih_l0)
        self.rnn.weight_ih_l0.data.mul_(0.3)
        self.out = nn.Linear(H, 1)
    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])

net = Adder(); opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9); mse = nn.MSELoss()
w = DiagWriter(sys.argv[2]); w.watch(net, opt, mse)
run = []
for it in range(1, 1501):
    x, y = batch()
    loss = mse(net(x), y)
    opt.zero_grad(); loss.backward()
    if sys.argv[1] == 'fixed':
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
    opt.step()
    run.append(loss.item())
    if it % 150 == 0: print(it, sum(run[-150:]) / 150)
w.close()
