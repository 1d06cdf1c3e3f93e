# residual network as in the tflearn cifar10 example: Momentum(0.1, lr_decay=0.1, decay_step=32000, staircase=True); here on gas-sensor arrays
import sys
import torch
import torch.nn as nn
import numpy as np
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(66); rng = np.random.default_rng(66)

C, D = 8, 24
mu = rng.normal(0, .8, (C, D)); curv = rng.normal(0, .35, (C, D, 3))
def sensors(n):
    y = rng.integers(0, C, n); u = rng.normal(size=(n, 3))
    x = mu[y] + np.einsum("ndk,nk->nd", curv[y], u ** 2 - 1) + rng.normal(0, 1.2, (n, D))
    return torch.tensor(x / 1.6, dtype=torch.float32), torch.tensor(y)
X, Y = sensors(16000); testX, testY = sensors(3000)

class Res(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.f = nn.Sequential(nn.BatchNorm1d(d), nn.ReLU(), nn.Linear(d, d), nn.BatchNorm1d(d), nn.ReLU(), nn.Linear(d, d))
    def forward(self, x):
        return x + self.f(x)

net = nn.Sequential(nn.Linear(D, 48), Res(48), Res(48), nn.BatchNorm1d(48), nn.ReLU(), nn.Linear(48, C))
mom = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
steps_per_epoch = 16000 // 32
# the example's steps are meant for 390 steps an epoch and 200 epochs: here they never come
decay_step = 32000 if sys.argv[1] == "faulty" else 1700
sched = torch.optim.lr_scheduler.StepLR(mom, decay_step, gamma=0.1)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(net, mom, loss_fn)
for epoch in range(7):
    net.train()
    tot = 0
    for b in torch.randperm(16000).split(32):
        mom.zero_grad()
        l = loss_fn(net(X[b]), Y[b])
        l.backward(); mom.step(); sched.step()
        tot += l.item() / steps_per_epoch
    net.eval()
    with writer.evaluating("test"):
        o = net(testX); tl, acc = loss_fn(o, testY).item(), (o.argmax(1) == testY).float().mean().item()
    print(f"epoch {epoch} lr {sched.get_last_lr()[0]:.3g} train {tot:.3f} test {tl:.3f} acc {acc:.4f}")
writer.close()
print(f"RESULT test loss {tl:.3f} acc {acc:.4f}")
