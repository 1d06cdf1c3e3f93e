"""Four kinds of machines by sound (simulated one second recordings): log band energies of an STFT, small CNN with batch norm."""
import sys, math
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

NAMES = ["fan", "pump", "slider", "valve"]
SR, N = 4000, 4000


def synth(kind, g):
    u = lambda a, b: a + (b - a) * torch.rand(1, generator=g).item()
    t = torch.arange(N) / SR
    noise = torch.randn(N, generator=g)
    if kind == 0:
        f = u(90, 160); x = sum(torch.sin(2 * math.pi * f * k * t + u(0, 6)) / k for k in range(1, 6)) + .6 * noise
    elif kind == 1:
        f = u(90, 160); am = 1 + .8 * torch.sin(2 * math.pi * u(4, 9) * t); x = am * sum(torch.sin(2 * math.pi * f * k * t + u(0, 6)) / k for k in range(1, 6)) + .6 * noise
    elif kind == 2:
        f0, f1 = u(200, 400), u(600, 1200); p = u(2, 4); ph = torch.cumsum(f0 + (f1 - f0) * (t * p % 1), 0) / SR
        x = torch.sin(2 * math.pi * ph) + .7 * noise
    else:
        x = .7 * noise; r = u(4, 9); f = u(500, 1400)
        e = torch.exp(-(t * r % 1) * 20); x = x + 2 * e * torch.sin(2 * math.pi * f * t)
    return x * u(.3, 1.5) + .8 * torch.randn(N, generator=g) * u(.3, 1.2)


def bands(n_fft=256, n=32):
    e = torch.linspace(math.log(50), math.log(SR / 2), n + 2).exp(); f = torch.linspace(0, SR / 2, n_fft // 2 + 1)
    return torch.stack([torch.minimum((f - e[i]) / (e[i + 1] - e[i]), (e[i + 2] - f) / (e[i + 2] - e[i + 1])).clamp(min=0) for i in range(n)])


FB = bands()


def logmel(x):
    S = torch.stft(x, 256, 100, window=torch.hann_window(256), return_complex=True).abs() ** 2
    return (FB @ S + 1e-4).log()


def dataset(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(4, (n,), generator=g)
    return torch.stack([logmel(synth(k.item(), g)) for k in y])[:, None], y


def spec_augment(x):
    x = x.clone(); a = torch.randint(0, 28, (1,)).item(); b = torch.randint(0, 34, (1,)).item()
    x[:, :, a:a + 4] = 0; x[..., b:b + 6] = 0
    return x


def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))


torch.manual_seed(0); torch.set_num_threads(1)
x, y = dataset(1600, 1); xv, yv = dataset(500, 2)
m, s = x.mean(), x.std(); x, xv = (x - m) / s, (xv - m) / s
net = nn.Sequential(conv(1, 12), conv(12, 24), conv(24, 32), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(.2), nn.Linear(32, 4))
opt = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
EPOCHS, BS = 12, 32
sch = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=1e-2, total_steps=EPOCHS * math.ceil(len(x) / BS))
crit = nn.CrossEntropyLoss()
w = DiagWriter(sys.argv[1]); w.watch(net, opt, crit)
for ep in range(EPOCHS):
    net.train()
    for b in torch.randperm(len(x)).split(BS):
        opt.zero_grad()
        l = crit(net(spec_augment(x[b])), y[b])
        l.backward(); opt.step(); sch.step()
    with w.evaluating("val"):
        o = net(xv); v = crit(o, yv).item()
    acc = (o.argmax(1) == yv).float().mean().item()
    print(ep, round(l.item(), 4), round(v, 4), round(acc, 4))
w.close()
print("RESULT val_loss", round(v, 4), "acc", round(acc, 4))
