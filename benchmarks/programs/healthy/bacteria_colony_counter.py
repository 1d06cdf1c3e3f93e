# Count colonies on a dish: CNN regression of the count, L1 loss as in the counting notebooks
import sys
import torch, torch.nn as nn
import numpy as np
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(1)
torch.manual_seed(1)
S = 32


def dish():
    n = np.random.randint(0, 16)
    yy, xx = np.mgrid[:S, :S]
    img = 0.5 + 0.1 * np.random.randn() + 0.004 * np.random.randn() * (xx - S / 2)
    img = img * np.ones((S, S)) + 0.06 * np.random.randn(S, S)
    for _ in range(n):
        while True:
            y, x = np.random.uniform(2, S - 3, 2)
            if (y - S / 2) ** 2 + (x - S / 2) ** 2 < (S / 2 - 2) ** 2:
                break
        r = np.random.uniform(1.0, 1.9)
        img += np.random.uniform(0.25, 0.5) * np.exp(-((yy - y) ** 2 + (xx - x) ** 2) / r ** 2)
    return img, n


data = [dish() for _ in range(2600)]
imgs = torch.tensor(np.stack([d[0] for d in data]), dtype=torch.float32)[:, None]
imgs = (imgs - imgs[:2100].mean()) / imgs[:2100].std()
counts = torch.tensor([d[1] for d in data], dtype=torch.float32)[:, None] / 10      # tens of colonies
tr_x, tr_y, va_x, va_y = imgs[:2100], counts[:2100], imgs[2100:], counts[2100:]


def block(i, o):
    return [nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU()]


model = nn.Sequential(*block(1, 12), *block(12, 12), nn.MaxPool2d(2), *block(12, 24), *block(24, 24), nn.AdaptiveAvgPool2d(1),
                      nn.Flatten(), nn.Linear(24, 1))
crit = nn.L1Loss()
N_EP, BS = 11, 30
opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
sch = torch.optim.lr_scheduler.CosineAnnealingLR(opt, N_EP * (len(tr_x) // BS))
dw = DiagWriter(sys.argv[1])
dw.watch(model, opt, crit)
for ep in range(N_EP):
    model.train()
    perm = torch.randperm(len(tr_x))
    tot = 0
    for i in range(0, len(perm), BS):
        b = perm[i:i + BS]
        x = tr_x[b]
        if torch.rand(()) < .5: x = x.flip(2)
        if torch.rand(()) < .5: x = x.transpose(2, 3)
        loss = crit(model(x), tr_y[b])
        opt.zero_grad(); loss.backward(); opt.step(); sch.step()
        tot += loss.item()
    tot /= len(perm) // BS
    model.eval()
    with torch.no_grad(), dw.evaluating("val"):
        va = crit(model(va_x), va_y).item()
    print(f"ep {ep} train {tot:.4f} val {va:.4f} = {va * 10:.2f} colonies")
dw.close()
base = (va_y - tr_y.median()).abs().mean().item()
print(f"RESULT train {tot:.4f} val {va:.4f} median-baseline {base:.4f}")
