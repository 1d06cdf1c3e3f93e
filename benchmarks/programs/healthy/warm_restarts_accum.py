import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_friedman1
from tb_lossdiag import DiagWriter

torch.manual_seed(0)
torch.set_num_threads(1)
X, y = make_friedman1(3500, n_features=8, noise=2.0, random_state=0)
X = torch.tensor((X - X[:2800].mean(0)) / X[:2800].std(0), dtype=torch.float32)
y = torch.tensor((y - y[:2800].mean()) / y[:2800].std(), dtype=torch.float32)[:, None]


class Cfg:
    micro_bs, accum, lr, epochs = 16, 4, 6e-3, 15


net = nn.Sequential(nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1))
opt = torch.optim.AdamW(net.parameters(), lr=Cfg.lr, weight_decay=.3)
steps_per_epoch = 2800 // (Cfg.micro_bs * Cfg.accum)
sched = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(opt, T_0=steps_per_epoch, T_mult=2, eta_min=1e-5)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt)
for epoch in range(Cfg.epochs):
    net.train()
    run, n = 0., 0
    opt.zero_grad()
    for k, b in enumerate(torch.randperm(2800).split(Cfg.micro_bs)):
        loss = F.mse_loss(net(X[b]), y[b])
        writer.add_loss("train", loss)
        (loss / Cfg.accum).backward()
        if (k + 1) % Cfg.accum == 0:
            opt.step()
            sched.step()
            opt.zero_grad()
        run, n = run + loss.item(), n + 1
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = F.mse_loss(net(X[2800:]), y[2800:])
        writer.add_loss("val", v)
    if epoch in (0, 2, 6, 10, 14):
        print('epoch %d train %.4f val %.4f lr %.5f' % (epoch, run / n, v.item(), sched.get_last_lr()[0]))
writer.close()
