"""Pseudo-labels on the digits: 200 labelled images, the rest without labels, the weight of the unlabelled loss rises slowly
(after peimengsui/semi_supervised_mnist; Lee 2013). An EMA of the weights is the model that is tested."""
import copy
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

T1, T2, ALPHA_F, STEPS = 150, 450, 0.5, 700


def alpha_weight(step):
    if step < T1:
        return 0.0
    return ALPHA_F * min(1., (step - T1) / (T2 - T1))


def jitter(x):
    """shift by up to one pixel, a little noise"""
    dx, dy = np.random.randint(-1, 2, 2)
    x = torch.roll(F.pad(x, (1, 1, 1, 1)), (dy, dx), (2, 3))[:, :, 1:-1, 1:-1]
    return x + 0.1 * torch.randn_like(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(20, 40, kernel_size=3, padding=1)
        self.conv2_drop = nn.Dropout2d(0.3)
        self.fc1 = nn.Linear(160, 80)
        self.fc2 = nn.Linear(80, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv2(x)), 2))
        x = F.dropout(F.relu(self.fc1(x.flatten(1))), 0.4, self.training)
        return F.log_softmax(self.fc2(x), dim=1)


class ModelEMA:
    def __init__(self, model, decay):
        self.ema, self.decay = copy.deepcopy(model).eval(), decay
        for p in self.ema.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        for e, p in zip(self.ema.parameters(), model.parameters()):
            e.mul_(self.decay).add_(p, alpha=1 - self.decay)


def evaluate(model, x, y):
    model.eval()
    with torch.no_grad():
        out = model(x)
    return F.nll_loss(out, y).item(), (out.argmax(1) == y).float().mean().item() * 100


torch.manual_seed(0)
np.random.seed(0)
d = load_digits()
x = torch.tensor(d.images[:, None] / 16. - .3).float() / .375
y = torch.tensor(d.target)
perm = np.random.permutation(len(x))
test, pool = perm[:450], perm[450:]
labelled = np.concatenate([[i for i in pool if y[i] == c][:20] for c in range(10)])
unlabelled = np.setdiff1d(pool, labelled)

net = Net()
ema = ModelEMA(net, 0.98)
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer)
for step in range(STEPS):
    net.train()
    xl = np.random.choice(labelled, 32)
    loss = F.nll_loss(net(jitter(x[xl])), y[xl])
    a = alpha_weight(step)
    if a > 0:
        xu = np.random.choice(unlabelled, 64)
        with torch.no_grad():
            prob, pseudo = ema.ema(x[xu]).exp().max(1)
        mask = (prob > 0.9).float()
        loss = loss + a * (F.nll_loss(net(jitter(x[xu])), pseudo, reduction='none') * mask).mean()
    writer.add_loss("train", loss)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    ema.update(net)
    if (step + 1) % 100 == 0:
        with writer.evaluating("test"):
            tl, acc = evaluate(ema.ema, x[test], y[test])
        print('step %d alpha %.2f train loss %.4f | EMA test loss %.4f acc %.2f' % (step + 1, a, loss.item(), tl, acc))
