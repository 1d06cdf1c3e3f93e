# d2l.ai 4.5 softmax regression, concise: one linear layer on 28x28 pictures, SGD 0.1, batch 256, 10 epochs
import sys
import numpy as np
import torch
from torch import nn
from torch.utils import data
from scipy.ndimage import gaussian_filter
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)


def garments(n):
    """grey silhouettes in [0, 1]: shirts with long or short sleeves, trousers, bags, boots, ... of varying size, shade and folds"""
    yy, xx = np.mgrid[:28, :28]
    y = rng.integers(0, 10, n)
    X = np.zeros((n, 28, 28), np.float32)
    for i, c in enumerate(y):
        s = rng.uniform(.85, 1.1); u = (xx - 13.5 + rng.normal(0, .7)) / s; v = (yy - 13.5 + rng.normal(0, .7)) / s; a = np.abs(u)
        body = (a < 5 + rng.normal(0, .5)) & (np.abs(v) < 11)
        if c == 0: m = body | ((a < 11) & (v < -5) & (v > -10))
        elif c == 1: m = (a < 5) & (np.abs(v) < 12) & ~((a < 1) & (v > -4))
        elif c == 2: m = body | ((a < 11) & (a > 7) & (v > -9) & (v < 8)) | ((a < 9) & (v < -7) & (v > -11))
        elif c == 3: m = (a < 3 + .25 * (v + 12)) & (np.abs(v) < 12)
        elif c == 4: m = body | ((a < 11) & (a > 6) & (v > -9) & (v < 9))
        elif c == 5: m = (np.abs(v - 4) < 1.5 + .15 * u) & (a < 11)
        elif c == 6: m = body | ((a < 10.5) & (a > 6) & (v > -9) & (v < 5))
        elif c == 7: m = (v > 0) & (v < 6 + .1 * u) & (a < 11) & (u + v > -6)
        elif c == 8: m = ((np.abs(v - 2) < 8) & (a < 10)) | ((np.abs(np.hypot(u, v + 6) - 5) < 1))
        else: m = ((u > -2) & (a < 8) & (np.abs(v) < 11)) | ((v > 5) & (v < 11) & (a < 10))
        shade = np.clip(rng.normal(.6, .2), .2, 1)
        X[i] = gaussian_filter(m * shade * (1 + .3 * gaussian_filter(rng.normal(size=(28, 28)), 2) * 5), .6)
    tops = np.isin(y, [0, 2, 4, 6]) & (rng.random(n) < .3)               # shops do not agree on shirt, T-shirt, pullover and coat
    y = np.where(tops, rng.choice([0, 2, 4, 6], n), y)
    return torch.tensor(X.clip(0, 1))[:, None], torch.tensor(y)


batch_size, lr, num_epochs = 256, 0.1, 10
train_iter = data.DataLoader(data.TensorDataset(*garments(12000)), batch_size, shuffle=True)
test_iter = data.DataLoader(data.TensorDataset(*garments(2000)), batch_size, shuffle=False)
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
net.apply(lambda m: nn.init.normal_(m.weight, std=0.01) if type(m) == nn.Linear else None)
loss = nn.CrossEntropyLoss(reduction='none')
trainer = torch.optim.SGD(net.parameters(), lr=lr)
writer = DiagWriter(sys.argv[1])
writer.watch(net, trainer, loss)
for epoch in range(num_epochs):
    net.train(); m = [0., 0., 0]
    for X, y in train_iter:
        y_hat = net(X)
        l = loss(y_hat, y)
        trainer.zero_grad()
        l.mean().backward()
        trainer.step()
        m[0] += float(l.sum()); m[1] += (y_hat.argmax(1) == y).sum().item(); m[2] += y.numel()
    t = [0., 0.]
    with writer.evaluating('test'):
        for X, y in test_iter:
            o = net(X); t[0] += float(loss(o, y).sum()); t[1] += (o.argmax(1) == y).sum().item()
    print(f'epoch {epoch + 1}: train loss {m[0] / m[2]:.3f}, train acc {m[1] / m[2]:.3f}, test loss {t[0] / 2000:.3f}, test acc {t[1] / 2000:.3f}')
writer.close()
print(f'RESULT train {m[0] / m[2]:.4f} test {t[0] / 2000:.4f} acc {t[1] / 2000:.4f}')
