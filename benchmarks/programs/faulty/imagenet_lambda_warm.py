"""Trainer class; SGD with a LambdaLR schedule (warm-up, then exponential decay)."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import LambdaLR
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class SmallNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 16, 3, padding=1)
        self.c2 = nn.Conv2d(16, 32, 3, padding=1)
        self.c3 = nn.Conv2d(32, 32, 3, padding=1)
        self.fc = nn.Linear(32 * 4 * 4, 10)

    def forward(self, x):
        x = F.relu(self.c1(x))
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        x = F.relu(self.c3(x))
        return self.fc(x.flatten(1))


class Trainer:
    base_lr, warmup, gamma, epochs, bs = 0.05, 2, 0.93, 14, 32

    def __init__(self, form, logdir):
        torch.manual_seed(0)
        d = load_digits()
        x = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1)
        x = (x - x.mean()) / x.std()
        p = torch.randperm(len(x))
        self.x, self.y = x[p], torch.tensor(d.target)[p]
        self.ntrain = 1300
        self.net = SmallNet()
        self.optim = torch.optim.SGD(self.net.parameters(), lr=self.base_lr, momentum=0.5, weight_decay=1e-4)
        if form == "faulty":
            self.sched = LambdaLR(self.optim, lambda e: self.base_lr * self.factor(e))
        else:
            self.sched = LambdaLR(self.optim, self.factor)
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.net, self.optim, F.cross_entropy)

    def factor(self, epoch):
        if epoch < self.warmup:
            return (epoch + 1) / (self.warmup + 1)
        return self.gamma ** (epoch - self.warmup)

    def fit(self):
        for epoch in range(self.epochs):
            self.net.train()
            for i in torch.randperm(self.ntrain).split(self.bs):
                loss = F.cross_entropy(self.net(self.x[i]), self.y[i])
                self.optim.zero_grad()
                loss.backward()
                self.optim.step()
            self.sched.step()
            vl, acc = self.validate()
            print(f"[{epoch}] lr {self.optim.param_groups[0]['lr']:.5f} train {loss.item():.3f} val {vl:.3f} acc {acc:.3f}")
        self.writer.close()
        print(f"RESULT val loss {vl:.3f} acc {acc:.3f}")

    def validate(self):
        with self.writer.evaluating("val"):
            out = self.net(self.x[self.ntrain:])
            y = self.y[self.ntrain:]
            return F.cross_entropy(out, y).item(), (out.argmax(1) == y).float().mean().item()


Trainer(sys.argv[1], sys.argv[2]).fit()
