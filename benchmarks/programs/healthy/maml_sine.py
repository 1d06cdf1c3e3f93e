# Section 5.1 of the MAML paper (https://arxiv.org/abs/1703.03400): sinusoid regression, second order
import math
import random
import sys
from collections import OrderedDict
import numpy as np
import torch
from torch import nn
from torch.func import functional_call
from tb_lossdiag import DiagWriter


class SinusoidTask:
    def __init__(self, n=10):
        self.a = random.uniform(0.5, 2.0)
        self.b = random.uniform(0, math.pi)
        self.x_tr, self.y_tr = self.draw(n)   # data for the inner update
        self.x_va, self.y_va = self.draw(n)   # data for the outer update

    def draw(self, n):
        x = torch.empty(n, 1).uniform_(-5, 5)
        return x, self.a * torch.sin(x + self.b)


class MetaLearner:
    def __init__(self, logdir, inner_lr=0.05, outer_lr=6e-3, tasks=5):
        self.net = nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
        self.inner_lr, self.tasks = inner_lr, tasks
        self.opt = torch.optim.Adam(self.net.parameters(), lr=outer_lr)
        self.loss_fn = nn.functional.mse_loss
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.net, self.opt)

    def adapt(self, task, steps, second_order):
        params = OrderedDict(self.net.named_parameters())
        for _ in range(steps):
            loss = self.loss_fn(functional_call(self.net, params, (task.x_tr,)), task.y_tr)
            grads = torch.autograd.grad(loss, params.values(), create_graph=second_order)
            params = OrderedDict((k, p - self.inner_lr * g) for (k, p), g in zip(params.items(), grads))
        return params

    def meta_step(self):
        self.opt.zero_grad()
        outer = 0.
        for _ in range(self.tasks):
            task = SinusoidTask()
            params = self.adapt(task, 1, True)
            outer = outer + self.loss_fn(functional_call(self.net, params, (task.x_va,)), task.y_va)
        outer = outer / self.tasks
        self.writer.add_loss("train", outer)
        outer.backward()
        self.opt.step()
        return outer.item()

    def test(self, n=100):
        res = []
        for k in (0, 1, 5):
            random.seed(5), torch.manual_seed(5)
            ls = []
            for _ in range(n):
                task = SinusoidTask()
                params = self.adapt(task, k, False)
                x, y = task.draw(50)
                with torch.no_grad():
                    ls.append(self.loss_fn(functional_call(self.net, params, (x,)), y).item())
            res.append(np.mean(ls))
        return res


if __name__ == "__main__":
    random.seed(0)
    torch.manual_seed(0)
    learner = MetaLearner(sys.argv[1])
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(learner.opt, 1000)
    hist = []
    for it in range(1000):
        hist.append(learner.meta_step())
        sched.step()
        if (it + 1) % 250 == 0:
            print(it + 1, 'outer loss %.3f' % np.mean(hist[-250:]))
    print('mse of new tasks after 0, 1, 5 steps: %.3f %.3f %.3f' % tuple(learner.test()))
