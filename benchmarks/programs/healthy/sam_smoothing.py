import sys
import numpy as np, torch, torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter


class SAM(torch.optim.Optimizer):
    def __init__(self, params, base_optimizer, rho=0.05, **kwargs):
        super().__init__(params, dict(rho=rho, **kwargs))
        self.base_optimizer = base_optimizer(self.param_groups, **kwargs)
        self.param_groups = self.base_optimizer.param_groups

    @torch.no_grad()
    def first_step(self):
        norm = torch.norm(torch.stack([p.grad.norm() for g in self.param_groups for p in g["params"]]))
        for g in self.param_groups:
            for p in g["params"]:
                e = p.grad * (g["rho"] / (norm + 1e-12))
                p.add_(e)
                self.state[p]["e_w"] = e
        self.zero_grad()

    @torch.no_grad()
    def second_step(self):
        for g in self.param_groups:
            for p in g["params"]:
                p.sub_(self.state[p]["e_w"])
        self.base_optimizer.step()
        self.zero_grad()

    def step(self, closure=None):
        raise NotImplementedError


torch.manual_seed(42); np.random.seed(42); torch.set_num_threads(1)
d = load_digits()
x = torch.tensor(d.data, dtype=torch.float32); x = (x - x[:1200].mean()) / x[:1200].std()
y = torch.tensor(d.target)
perm = torch.randperm(len(x)); x, y = x[perm], y[perm]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(.2), nn.Linear(64, 10))


def smooth_crossentropy(pred, gold, smoothing=0.1):
    return nn.functional.cross_entropy(pred, gold, label_smoothing=smoothing)


EPOCHS = 24
opt = SAM(model.parameters(), torch.optim.SGD, rho=0.1, lr=0.1, momentum=0.9, weight_decay=5e-4)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt.base_optimizer, EPOCHS)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt.base_optimizer)
for ep in range(EPOCHS):
    model.train()
    tl = 0
    for b in torch.randperm(1200).split(64):
        loss = smooth_crossentropy(model(x[b]), y[b])
        writer.add_loss("train", loss)
        loss.backward()
        opt.first_step()
        smooth_crossentropy(model(x[b]), y[b]).backward()
        opt.second_step()
        tl += loss.item() * len(b) / 1200
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(x[1200:])
        v = smooth_crossentropy(out, y[1200:])
        writer.add_loss("val", v)
    if ep % 6 == 5: print('%d train %.4f val %.4f acc %.4f' % (ep, tl, v.item(), (out.argmax(1) == y[1200:]).float().mean()))
writer.close()
