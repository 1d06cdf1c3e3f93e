import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0)


class SignSTE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1., -1.)

    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return g * (x.abs() <= 1).float()


class BinaryLinear(nn.Linear):
    def __init__(self, i, o):
        super().__init__(i, o, bias=False)
        nn.init.uniform_(self.weight, -1 / i ** .5 * 1.5, 1 / i ** .5 * 1.5)

    def forward(self, x):
        return F.linear(x, SignSTE.apply(self.weight)) / self.in_features ** .5


class BinaryAct(nn.Module):
    def forward(self, x):
        return SignSTE.apply(x)


# weights and hidden activations are +-1, latent real weights are kept and clamped
net = nn.Sequential(
    BinaryLinear(64, 256), nn.BatchNorm1d(256), BinaryAct(),
    BinaryLinear(256, 256), nn.BatchNorm1d(256), BinaryAct(),
    BinaryLinear(256, 10), nn.BatchNorm1d(10))

X, Y = load_digits(return_X_y=True)
xa, xb, ya, yb = train_test_split(X, Y, test_size=.3, random_state=3, stratify=Y)
xa, xb = [torch.tensor((v - 4.88) / 6.02, dtype=torch.float32) for v in (xa, xb)]
ya, yb = torch.tensor(ya), torch.tensor(yb)
optim = torch.optim.Adam(net.parameters(), lr=0.005)
EPOCHS = 60
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optim, EPOCHS, eta_min=1e-5)
loss_func = nn.CrossEntropyLoss(label_smoothing=.05)
tb = DiagWriter(sys.argv[1])
tb.watch(net, optim, loss_func)
for e in range(EPOCHS):
    net.train()
    run, k = 0., 0
    for idx in torch.randperm(len(xa)).split(64):
        xi = xa[idx] + .3 * torch.randn(len(idx), 64)
        loss = loss_func(net(xi), ya[idx])
        optim.zero_grad()
        loss.backward()
        optim.step()
        with torch.no_grad():
            for m in net:
                if isinstance(m, BinaryLinear): m.weight.clamp_(-1, 1)
        run += loss.item(); k += 1
    sched.step()
    with tb.evaluating("val"):
        o = net(xb)
        v = loss_func(o, yb)
    if e % 6 == 5:
        print("%d train %.3f val %.3f acc %.4f" % (e, run / k, v.item(), (o.argmax(1) == yb).float().mean()))
tb.close()
