"""1-D CNN on heart sound envelopes (normal / murmur / extra sound). weight init helper as in many repos."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)
rng = np.random.default_rng(2)


def envelopes(n, L=128):
    t = np.arange(L)
    y = rng.integers(0, 3, n)
    x = np.zeros((n, 1, L), np.float32)
    for i in range(n):
        s1 = rng.integers(8, 22)
        p = rng.integers(50, 62)
        for beat in range(3):
            a = s1 + beat * p
            sys_ = rng.uniform(.3, .38) * p
            x[i, 0] += rng.uniform(.8, 1.2) * np.exp(-.5 * ((t - a) / 2.2) ** 2)
            x[i, 0] += rng.uniform(.5, .9) * np.exp(-.5 * ((t - a - sys_) / 1.8) ** 2)
            if y[i] == 1:
                x[i, 0] += rng.uniform(.15, .35) * ((t > a + 3) & (t < a + sys_ - 2))
            if y[i] == 2:
                x[i, 0] += rng.uniform(.25, .45) * np.exp(-.5 * ((t - a - sys_ - rng.uniform(6, 9)) / 1.8) ** 2)
        x[i, 0] += rng.normal(0, .1, L)
    x -= x.mean(); x /= x.std()
    return torch.from_numpy(x), torch.from_numpy(y)


class Block(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.conv = nn.Conv1d(i, o, 5, padding=2)
        self.act = nn.ReLU()
        self.pool = nn.MaxPool1d(2)

    def forward(self, x):
        return self.pool(self.act(self.conv(x)))


class HeartNet(nn.Module):
    def __init__(self, zero_block):
        super().__init__()
        self.b1, self.b2, self.b3 = Block(1, 16), Block(16, 24), Block(24, 32)
        self.fc = nn.Linear(32 * 16, 3)
        for m in self.modules():
            if isinstance(m, (nn.Conv1d, nn.Linear)):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)
        if zero_block:                               # kernel_initializer='zeros' on one layer
            nn.init.zeros_(self.b2.conv.weight)

    def forward(self, x):
        return self.fc(self.b3(self.b2(self.b1(x))).flatten(1))


X, y = envelopes(2600)
net = HeartNet(zero_block=sys.argv[1] == "faulty")
crit = nn.CrossEntropyLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
w = DiagWriter(sys.argv[2])
w.watch(net, opt, crit)
for epoch in range(8):
    net.train()
    acc_loss = []
    for b in torch.randperm(2000).split(32):
        loss = crit(net(X[b]), y[b])
        opt.zero_grad(); loss.backward(); opt.step()
        acc_loss.append(loss.item())
    net.eval()
    with w.evaluating("val"):
        o = net(X[2000:])
        v = crit(o, y[2000:]).item()
        a = (o.argmax(1) == y[2000:]).float().mean().item()
    print(f"epoch {epoch} train {np.mean(acc_loss):.4f} val {v:.4f} acc {a:.3f}")
w.close()
print(f"RESULT train={np.mean(acc_loss):.4f} val={v:.4f} acc={a:.3f}")
