# Cox neural network for time to dialysis (simulated registry: 24 laboratory and history columns).
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5)


def simulate(n, seed):
    g = np.random.default_rng(seed)
    z = g.normal(size=(n, 6))
    mix = np.random.default_rng(99).normal(size=(6, 24)) * .5
    x = z @ mix + g.normal(size=(n, 24))
    risk = 0.7 * (0.8 * x[:, 0] + .6 * x[:, 3] - .5 * x[:, 7] + .35 * np.tanh(x[:, 1]) * 2 + .3 * x[:, 10])
    t = g.exponential(np.exp(-risk)) ** .7 * 5
    c = g.uniform(1, 14, n)
    return x.astype("float32"), np.minimum(t, c).astype("float32"), (t <= c).astype("float32")


def cox_loss(log_h, time, event):
    order = torch.argsort(time, descending=True)
    h, e = log_h[order].squeeze(1), event[order]
    return -((h - torch.logcumsumexp(h, 0)) * e).sum() / e.sum().clamp(min=1)


def c_index(h, t, e):
    num = den = 0.0
    for i in np.where(e == 1)[0]:
        later = t > t[i]
        den += later.sum(); num += (h[i] > h[later]).sum() + .5 * (h[i] == h[later]).sum()
    return num / den


def build(hidden, n_in=24):
    layers = []
    for h in hidden:
        layers += [nn.Linear(n_in, h), nn.ReLU()]
        n_in = h
    return nn.Sequential(*layers, nn.Linear(n_in, 1, bias=False))


params = {
    "faulty": dict(hidden=[512, 512, 256], lr=2e-3, epochs=60, batch=50),
    "fixed": dict(hidden=[8], lr=2e-3, epochs=60, batch=50),
}[sys.argv[1]]

x, t, e = simulate(800, 3)
mu, sd = x[:200].mean(0), x[:200].std(0)
x = (x - mu) / sd
xt, tt, et = (torch.tensor(a) for a in (x, t, e))
net = build(params["hidden"])
optimizer = torch.optim.Adam(net.parameters(), lr=params["lr"])
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, cox_loss)
for epoch in range(params["epochs"]):
    net.train()
    perm = torch.randperm(200)
    tot = 0
    for b in perm.split(params["batch"]):
        if len(b) < 32:
            continue
        optimizer.zero_grad()
        loss = writer.loss_fn(net(xt[b]), tt[b], et[b])
        loss.backward()
        optimizer.step()
        tot += loss.item()
    net.eval()
    with writer.evaluating("val"):
        vls, hs = [], []
        for b in torch.arange(200, 800).split(50):
            h = net(xt[b])
            vls.append(writer.loss_fn(h, tt[b], et[b]).item()); hs.append(h)
    c = c_index(torch.cat(hs).numpy()[:, 0], t[200:], e[200:])
    if epoch % 10 == 9:
        print(f"epoch {epoch+1} train {tot/4:.4f} val {np.mean(vls):.4f} c-index {c:.4f}")
writer.close()
print(f"RESULT val_cindex {c:.4f} val_loss {np.mean(vls):.4f}")
