"""FixMatch: few labels, many unlabelled pictures, pseudo-labels above a threshold, EMA model, SGD with Nesterov and the 7/16 cosine
(kekmodel/FixMatch-pytorch train.py)."""
import copy
import math
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5)
d = load_digits()
rng = np.random.default_rng(5)
x = torch.tensor(np.pad(d.images / 16.0, ((0, 0), (1, 1), (1, 1))), dtype=torch.float32)[:, None]
x = (x - .2) / .35
y = torch.tensor(d.target)
perm = rng.permutation(len(y))
test, pool = perm[:397], perm[397:]
lab = np.concatenate([pool[d.target[pool] == c][:12] for c in range(10)])


def weak(x):
    return torch.stack([torch.roll(a, tuple(torch.randint(-1, 2, (2,)).tolist()), (1, 2)) for a in x])


def strong(x):
    n = len(x)
    ang, sc = (torch.rand(n) - .5) * .7, 1 + (torch.rand(n) - .5) * .35
    th = torch.zeros(n, 2, 3)
    th[:, 0, 0], th[:, 0, 1], th[:, 1, 0], th[:, 1, 1] = ang.cos() / sc, -ang.sin(), ang.sin(), ang.cos() / sc
    th[:, :, 2] = (torch.rand(n, 2) - .5) * .35
    x = F.grid_sample(x, F.affine_grid(th, x.shape, align_corners=False), align_corners=False, padding_mode='border')
    x = x * (1 + (torch.rand(n, 1, 1, 1) - .5)) + .25 * torch.randn_like(x)
    for a in x:                                      # cutout
        i, j = torch.randint(0, 8, (2,)).tolist()
        a[:, i:i + 3, j:j + 3] = 0
    return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        blk = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(.1))
        self.features = nn.Sequential(blk(1, 16), blk(16, 24), nn.MaxPool2d(2), blk(24, 32), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.fc = nn.Linear(128, 10)

    def forward(self, x):
        return self.fc(self.features(x))


class ModelEMA(object):
    def __init__(self, model, decay):
        self.ema = copy.deepcopy(model)
        self.ema.eval()
        self.decay = decay
        for p in self.ema.parameters():
            p.requires_grad_(False)

    def update(self, model):
        with torch.no_grad():
            for e, m in zip(self.ema.parameters(), model.parameters()):
                e.copy_(e * self.decay + (1. - self.decay) * m)
            for e, m in zip(self.ema.buffers(), model.buffers()):
                e.copy_(m)


def get_cosine_schedule(optimizer, num_training_steps, num_cycles=7. / 16.):
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: max(0., math.cos(math.pi * num_cycles * s / num_training_steps)))


total_steps, eval_step, batch_size, mu, threshold, lambda_u, T = 700, 70, 32, 3, 0.95, 1.0, 1.0
model = Net()
grouped = [{'params': [p for n, p in model.named_parameters() if 'bn' not in n and p.dim() > 1], 'weight_decay': 5e-4},
           {'params': [p for n, p in model.named_parameters() if p.dim() <= 1], 'weight_decay': 0.0}]
optimizer = torch.optim.SGD(grouped, lr=0.03, momentum=0.9, nesterov=True)
scheduler = get_cosine_schedule(optimizer, total_steps)
ema_model = ModelEMA(model, 0.98)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
model.train()
lx, lu, mk = [], [], []
for step in range(total_steps):
    bl = torch.tensor(rng.choice(lab, batch_size))
    bu = torch.tensor(rng.choice(pool, batch_size * mu))
    inputs = torch.cat([weak(x[bl]), weak(x[bu]), strong(x[bu])])
    logits = model(inputs)
    logits_x = logits[:batch_size]
    logits_u_w, logits_u_s = logits[batch_size:].chunk(2)
    Lx = F.cross_entropy(logits_x, y[bl], reduction='mean')
    pseudo_label = torch.softmax(logits_u_w.detach() / T, dim=-1)
    max_probs, targets_u = torch.max(pseudo_label, dim=-1)
    mask = max_probs.ge(threshold).float()
    Lu = (F.cross_entropy(logits_u_s, targets_u, reduction='none') * mask).mean()
    loss = Lx + lambda_u * Lu
    writer.add_loss("train", loss)
    loss.backward()
    optimizer.step()
    scheduler.step()
    ema_model.update(model)
    model.zero_grad()
    lx.append(Lx.item()); lu.append(Lu.item()); mk.append(mask.mean().item())
    if (step + 1) % eval_step == 0:
        with writer.evaluating("test"):
            out = ema_model.ema(x[test])
            tl = F.cross_entropy(out, y[test])
            writer.add_loss("test", tl)
        print(f"{step + 1} loss_x {np.mean(lx[-70:]):.3f} loss_u {np.mean(lu[-70:]):.3f} mask {np.mean(mk[-70:]):.2f} test loss {tl:.4f} acc {(out.argmax(1) == y[test]).float().mean():.4f}")
writer.close()
