import sys
import numpy as np
import torch
import torch.nn as nn
from collections import OrderedDict
from torch.func import functional_call
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)

K, INNER_LR, META_BATCH, META_LR, ITERS = 10, 0.01, 5, 8e-3, 1100


def sample_task():
    A, phi = np.random.uniform(0.1, 5.0), np.random.uniform(0, np.pi)

    def draw(n):
        x = np.random.uniform(-5, 5, (n, 1)).astype("float32")
        return torch.from_numpy(x), torch.from_numpy((A * np.sin(x - phi)).astype("float32"))
    return draw


class SineNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Linear(1, 40)
        self.layer2 = nn.Linear(40, 40)
        self.layer3 = nn.Linear(40, 1)

    def forward(self, x):
        return self.layer3(torch.relu(self.layer2(torch.relu(self.layer1(x)))))


def adapt(model, x, y, steps=1, second_order=True):
    w = OrderedDict(model.named_parameters())
    for _ in range(steps):
        l = ((functional_call(model, w, (x,)) - y) ** 2).mean()
        gs = torch.autograd.grad(l, list(w.values()), create_graph=second_order)
        w = OrderedDict((n, p - INNER_LR * g) for (n, p), g in zip(w.items(), gs))
    return w


model = SineNet()
meta_opt = torch.optim.Adam(model.parameters(), META_LR)
sched = torch.optim.lr_scheduler.StepLR(meta_opt, 800, gamma=.2)
writer = DiagWriter(sys.argv[1])
writer.watch(model, meta_opt)

hist = []
for it in range(1, ITERS + 1):
    meta_loss = 0
    for _ in range(META_BATCH):
        task = sample_task()
        xs, ys = task(K)
        xq, yq = task(K)
        fast = adapt(model, xs, ys)
        meta_loss = meta_loss + ((functional_call(model, fast, (xq,)) - yq) ** 2).mean() / META_BATCH
    meta_opt.zero_grad()
    meta_loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 10.)
    meta_opt.step()
    sched.step()
    writer.add_loss("train", meta_loss.item())
    hist.append(meta_loss.item())
    if it % 250 == 0:
        print("Iteration %d post-update query loss %.3f" % (it, np.mean(hist[-250:])))

pre, post = [], []
np.random.seed(123)
for _ in range(200):
    task = sample_task(); xs, ys = task(K); xq, yq = task(100)
    w = adapt(model, xs, ys, steps=5, second_order=False)
    with torch.no_grad():
        pre.append(((model(xq) - yq) ** 2).mean().item()); post.append(((functional_call(model, w, (xq,)) - yq) ** 2).mean().item())
print("new tasks: before %.3f, after 5 gradient steps %.3f" % (np.mean(pre), np.mean(post)))
writer.add_scalar("meta_test/after5", np.mean(post), ITERS)
writer.close()
