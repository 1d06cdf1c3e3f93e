"""Two tasks, weights learnt by Kendall's uncertainty: the total loss becomes negative and has no floor at zero."""
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class MultiTask(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(12, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU())
        self.reg, self.cls = nn.Linear(64, 2), nn.Linear(64, 3)
        self.log_var = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        h = self.trunk(x)
        return self.reg(h), self.cls(h)


def data(n, g):
    x = torch.randn(n, 12, generator=g)
    r = torch.stack([torch.sin(x[:, 0]) + .5 * x[:, 1] * x[:, 2], x[:, 3].abs() - .8 + .3 * x[:, 4]], 1) + .1 * torch.randn(n, 2, generator=g)
    c = torch.stack([x[:, 5] + x[:, 6], x[:, 7] * 1.5, -x[:, 5] + x[:, 8]], 1) + .3 * torch.randn(n, 3, generator=g)
    return x, r, c.argmax(1)


def losses(model, x, r, c):
    pr, pc = model(x)
    m, ce = nn.functional.mse_loss(pr, r), nn.functional.cross_entropy(pc, c)
    s = model.log_var
    return 0.5 * torch.exp(-s[0]) * m + 0.5 * s[0] + torch.exp(-s[1]) * ce + 0.5 * s[1], m, ce, (pc.argmax(1) == c).float().mean()


def main(logdir):
    torch.manual_seed(0)
    g = torch.Generator().manual_seed(3)
    x, r, c = data(5000, g); xv, rv, cv = data(1000, g)
    model = MultiTask()
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 8e-3, total_steps=15 * 79)
    writer = DiagWriter(logdir)
    writer.watch(model, opt)
    for epoch in range(15):
        model.train()
        for b in torch.randperm(5000).split(64):
            loss, *_ = losses(model, x[b], r[b], c[b])
            writer.add_loss("train", loss.detach())
            opt.zero_grad(); loss.backward(); opt.step(); sched.step()
        with writer.evaluating("val"):
            v, m, ce, acc = losses(model, xv, rv, cv)
            writer.add_loss("val", v)
        print(epoch, "train %.3f val %.3f mse %.4f ce %.4f acc %.3f" % (loss, v, m, ce, acc))
    writer.close()


main(sys.argv[1])
