# Reptile on the sine waves, as in OpenAI's "supervised-reptile" gist, with the outer step through a torch optimizer
# (gabrielhuang/reptile-pytorch: the "gradient" is meta weights minus adapted weights).
import sys
from copy import deepcopy
import numpy as np
import torch
from torch import nn, optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
seed = 0
innerstepsize = 0.02   # stepsize in inner SGD
innerepochs = 2        # passes over the 50 points in batches of ntrain
outerlr = 1e-2
niterations = 1000
ntrain = 10

rng = np.random.RandomState(seed)
torch.manual_seed(seed)
x_all = np.linspace(-5, 5, 50)[:, None]


def gen_task():
    phase = rng.uniform(low=0, high=2 * np.pi)
    ampl = rng.uniform(0.1, 5)
    return lambda x: np.sin(x + phase) * ampl


net = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
meta_opt = optim.Adam(net.parameters(), lr=outerlr)
sched = optim.lr_scheduler.LambdaLR(meta_opt, lambda it: 1 - it / niterations)


def totorch(x):
    return torch.as_tensor(x, dtype=torch.float32)


def adapt(model, x, y, steps):
    fast = deepcopy(model)
    losses = []
    for xb, yb in steps(x, y):
        loss = ((fast(totorch(xb)) - totorch(yb)) ** 2).mean()
        fast.zero_grad()
        loss.backward()
        with torch.no_grad():
            for p in fast.parameters():
                p -= innerstepsize * p.grad
        losses.append(loss.item())
    return fast, losses


def inner_batches(x, y):
    for _ in range(innerepochs):
        inds = rng.permutation(len(x))
        for start in range(0, len(x), ntrain):
            mb = inds[start:start + ntrain]
            yield x[mb], y[mb]


def evaluate(n_tasks=40):
    """adapt with 32 steps on ten points, error on all 50"""
    before, after = [], []
    for _ in range(n_tasks):
        f = gen_task()
        xt = x_all[rng.choice(len(x_all), size=ntrain)]
        fast, _ = adapt(net, xt, f(xt), lambda x, y: ((x, y) for _ in range(32)))
        with torch.no_grad():
            before.append(((net(totorch(x_all)) - totorch(f(x_all))) ** 2).mean().item())
            after.append(((fast(totorch(x_all)) - totorch(f(x_all))) ** 2).mean().item())
    return np.mean(before), np.mean(after)


writer = DiagWriter(sys.argv[1])
writer.watch(net, meta_opt)
recent = []
for iteration in range(niterations):
    f = gen_task()
    fast, losses = adapt(net, x_all, f(x_all), inner_batches)
    # mean loss over the inner steps: what Reptile lowers is the loss along the path
    writer.add_loss("train", float(np.mean(losses)))
    meta_opt.zero_grad()
    for p, q in zip(net.parameters(), fast.parameters()):
        p.grad = (p.data - q.data) / innerstepsize / 10
    meta_opt.step()
    sched.step()
    recent.append(np.mean(losses))
    if (iteration + 1) % 250 == 0:
        b, a = evaluate()
        print(f"iteration {iteration + 1}: inner loss {np.mean(recent[-200:]):.3f}  test before {b:.3f} after {a:.3f}")
writer.close()
b, a = evaluate(150)
print(f"RESULT inner {np.mean(recent[-200:]):.3f} before adaptation {b:.3f} after 32 steps on 10 points {a:.3f}")
