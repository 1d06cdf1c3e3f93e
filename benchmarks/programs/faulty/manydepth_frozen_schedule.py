"""Depth from a single scan line with a small encoder/decoder; the schedule and the `freeze_teacher_epoch` reset are
those of a two-stage training script (the teacher itself is left out)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)


class opt:
    form, log_dir = sys.argv[1:3]
    batch_size = 4
    num_epochs = 20
    learning_rate = 1e-2
    scheduler_step_size = 12
    freeze_teacher_epoch = 12


def scans(n, seed):
    r = np.random.RandomState(seed)
    u = np.arange(48)
    X, D = [], []
    for _ in range(n):
        depth = np.full(48, r.uniform(6, 10))
        for _ in range(r.randint(1, 4)):
            a, w = r.randint(0, 40), r.randint(6, 18)
            depth[a:a + w] = np.minimum(depth[a:a + w], r.uniform(1.5, 8) * (1 + .01 * (u[a:a + w] - a)))
        albedo = r.uniform(.6, 1.2)
        shade = albedo * 4 / (depth + 2)
        tex = .2 * np.sin(60 * (u / 48 - .5) * depth / 8 + r.uniform(0, 6))
        X.append(np.stack([shade + .03 * r.randn(48), tex + .03 * r.randn(48), (u - 24) / 24]))
        D.append(depth)
    return torch.tensor(np.array(X), dtype=torch.float32), torch.tensor(np.array(D), dtype=torch.float32)


class DepthNet(nn.Module):
    def __init__(self):
        super().__init__()
        c = lambda i, o: nn.Sequential(nn.Conv1d(i, o, 5, padding=2), nn.ELU())
        self.enc1, self.enc2, self.mid = c(3, 24), c(24, 32), c(32, 32)
        self.dec = c(56, 24)
        self.disp = nn.Conv1d(24, 1, 3, padding=1)

    def forward(self, x):
        a = self.enc1(x)
        b = self.mid(self.enc2(nn.functional.max_pool1d(a, 2)))
        b = nn.functional.interpolate(b, scale_factor=2)
        d = torch.sigmoid(self.disp(self.dec(torch.cat([a, b], 1))))
        return (1 / (0.08 + (0.8 - 0.08) * d)).squeeze(1)


xt, dt = scans(400, 0)
xv, dv = scans(300, 1)
mu, sd = xt.mean((0, 2), keepdim=True), xt.std((0, 2), keepdim=True)
xt, xv = (xt - mu) / sd, (xv - mu) / sd
net = DepthNet()
writer = DiagWriter(opt.log_dir)
log_l1 = lambda p, t: (p.log() - t.log()).abs().mean()


def new_optimizer(lr):
    o = optim.Adam(net.parameters(), lr)
    s = optim.lr_scheduler.StepLR(o, opt.scheduler_step_size, 0.1)
    writer.watch(net, o, log_l1)
    return o, s


model_optimizer, model_lr_scheduler = new_optimizer(opt.learning_rate)
for epoch in range(opt.num_epochs):
    if epoch == opt.freeze_teacher_epoch and opt.form == "faulty":
        model_optimizer, model_lr_scheduler = new_optimizer(opt.learning_rate)     # starts counting again
    net.train()
    for b in torch.randperm(len(xt)).split(opt.batch_size):
        loss = log_l1(net(xt[b]), dt[b])
        model_optimizer.zero_grad()
        loss.backward()
        model_optimizer.step()
    model_lr_scheduler.step()
    net.eval()
    with torch.no_grad():
        p = net(xv)
        v = log_l1(p, dv).item()
        abs_rel = ((p - dv).abs() / dv).mean().item()
    writer.add_loss("val", v)
    print(f"epoch {epoch:2d} lr {model_optimizer.param_groups[0]['lr']:.5f} loss {loss.item():.4f} val {v:.4f} abs_rel {abs_rel:.4f}")
writer.close()
print(f"RESULT val {v:.4f} abs_rel {abs_rel:.4f}")
