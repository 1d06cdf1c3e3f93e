import sys, random
import numpy as np, torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(9); torch.manual_seed(9)

# 5 x 7 capitals, one hex digit pair per row
FONT = """
0E11111F111111 1E11111E11111E 0E11101010110E 1E11111111111E 1F10101E10101F 1F10101E101010
0E11101713110F 1111111F111111 0E04040404040E 0702020202120C 11121418141211 1010101010101F
111B1515111111 11191513111111 0E11111111110E 1E11111E101010 0E11111115120D 1E11111E141211
0F10100E01011E 1F040404040404 1111111111110E 11111111110A04 1111111515150A 11110A040A1111
11110A04040404 1F01020408101F""".split()
GLYPHS = [np.array([[int(g[i:i + 2], 16) >> b & 1 for b in (4, 3, 2, 1, 0)] for i in range(0, 14, 2)], float) for g in FONT]


def sample():
    c = np.random.randint(26)
    grid = np.zeros((10, 10))
    dy, dx = np.random.randint(1, 3), np.random.randint(2, 4)
    grid[dy:dy + 7, dx:dx + 5] = GLYPHS[c] * np.random.uniform(.6, 1.)
    grid += np.random.randn(10, 10) * .22
    flip = np.random.rand(10, 10) < .04
    grid[flip] = np.random.rand(flip.sum())
    return grid.ravel(), c


data = [sample() for _ in range(24000)]
inputs = torch.tensor(np.array([d[0] for d in data]), dtype=torch.float32)
targets = torch.tensor([d[1] for d in data])
inputs = (inputs - inputs[:20000].mean()) / inputs[:20000].std()

hidden = 3 if sys.argv[1] == 'faulty' else 64


class FeedForward(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.l1 = nn.Linear(n_in, n_hidden)
        self.l2 = nn.Linear(n_hidden, n_out)

    def forward(self, x):
        return self.l2(torch.tanh(self.l1(x)))


net = FeedForward(100, hidden, 26)
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=2e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 12)
error = nn.CrossEntropyLoss()
w = DiagWriter(sys.argv[2])
w.watch(net, opt, error)

step = 0
for epoch in range(12):
    order = torch.randperm(20000)
    net.train()
    losses = []
    for i in range(0, 20000, 50):
        j = order[i:i + 50]
        e = error(net(inputs[j]), targets[j])
        opt.zero_grad(); e.backward(); opt.step()
        losses.append(e.item())
        step += 1
    sched.step()
    with w.evaluating('val'):
        out = net(inputs[20000:])
        ve = error(out, targets[20000:]).item()
    rate = (out.argmax(1) != targets[20000:]).float().mean().item()
    w.add_scalar('val/error_rate', rate, step)
    print(epoch, 'error %.4f' % np.mean(losses), 'val %.4f' % ve, 'wrong %.1f%%' % (100 * rate))
w.close()
