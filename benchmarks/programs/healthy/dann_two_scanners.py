"""DANN with a gradient reversal layer: digits from scanner A (labelled) to scanner B (thick strokes, tint, unlabelled).
The domain loss stays near ln 2 = 0.69 when the features are aligned, and lambda grows from 0 to 1, so the total does not fall much."""
import sys, math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from scipy.ndimage import grey_dilation
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
rng = np.random.RandomState(1)

imgs, y = load_digits(return_X_y=True)
imgs = imgs.reshape(-1, 8, 8) / 16
perm = rng.permutation(len(y))
src, tgt, src_val = perm[:800], perm[800:1500], perm[1500:]


def scanner_a(x):
    return x + rng.normal(0, .12, x.shape)


def scanner_b(x):
    x = np.stack([grey_dilation(i, (1, 2)) for i in x])
    return .25 + .6 * x + np.linspace(-.2, .2, 8)[None, None] + rng.normal(0, .12, x.shape)


t = lambda a: torch.tensor(a[:, None] * 2 - 1, dtype=torch.float32)
xs, ys, xt, yt = t(scanner_a(imgs[src])), torch.tensor(y[src]), t(scanner_b(imgs[tgt])), torch.tensor(y[tgt])
xv, yv = t(scanner_a(imgs[src_val])), torch.tensor(y[src_val])


class ReverseLayerF(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, alpha):
        ctx.alpha = alpha
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return grad.neg() * ctx.alpha, None


class DANN(nn.Module):
    def __init__(self):
        super().__init__()
        self.feature = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
                                     nn.Flatten(), nn.Linear(32 * 16, 64), nn.ReLU())
        self.class_classifier = nn.Sequential(nn.Dropout(.3), nn.Linear(64, 10))
        self.domain_classifier = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x, alpha=0.):
        f = self.feature(x)
        return self.class_classifier(f), self.domain_classifier(ReverseLayerF.apply(f, alpha)).squeeze(1)


net = DANN()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt)

n_epoch, bs = 40, 50
n_it = len(src) // bs
for epoch in range(n_epoch):
    net.train()
    ps, pt = torch.randperm(len(xs)), torch.randperm(len(xt)).repeat(2)
    logs = []
    for i in range(n_it):
        p = (i + epoch * n_it) / n_epoch / n_it
        alpha = 2. / (1 + math.exp(-10 * p)) - 1
        a, b = ps[i * bs:(i + 1) * bs], pt[i * bs:(i + 1) * bs]
        cls, dom_s = net(xs[a], alpha)
        _, dom_t = net(xt[b], alpha)
        err_s_label = F.cross_entropy(cls, ys[a])
        err_domain = (F.binary_cross_entropy_with_logits(dom_s, torch.ones(bs)) + F.binary_cross_entropy_with_logits(dom_t, torch.zeros(bs))) / 2
        loss = err_s_label + err_domain
        writer.add_loss("train", loss)
        opt.zero_grad()
        loss.backward()
        opt.step()
        logs.append((err_s_label.item(), err_domain.item()))
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        lv = net(xv)[0]
        v = F.cross_entropy(lv, yv).item()
        writer.add_loss("val", v)
    acc_s = (lv.argmax(1) == yv).float().mean().item()
    with torch.no_grad():
        acc_t = (net(xt)[0].argmax(1) == yt).float().mean().item()
    if epoch % 5 == 4:
        print(f'epoch {epoch + 1} label {np.mean(logs, 0)[0]:.4f} domain {np.mean(logs, 0)[1]:.4f} source val {v:.4f} acc {acc_s:.3f} target acc {acc_t:.3f}')
writer.close()
print(f'RESULT val_loss={v:.4f} source_acc={acc_s:.4f} target_acc={acc_t:.4f} domain_loss={np.mean(logs, 0)[1]:.4f}')
