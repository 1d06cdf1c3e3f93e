import sys, math
import torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(11)
mode, logdir = sys.argv[1:3]


def weave(n, g):
    # 6 kinds of cloth: angle x period, random phase, uneven light, camera noise
    y = torch.randint(0, 6, (n,), generator=g)
    ang = (y % 3).float() * math.pi / 3 + 0.22 * torch.randn(n, generator=g)
    per = torch.where(y < 3, 3.2, 4.6) * (1 + 0.08 * torch.randn(n, generator=g))
    yy, xx = torch.meshgrid(torch.arange(16.), torch.arange(16.), indexing="ij")
    ph = 6.28 * torch.rand(n, 1, 1, generator=g)
    u = torch.cos(ang)[:, None, None] * xx + torch.sin(ang)[:, None, None] * yy
    img = torch.sin(6.283 * u / per[:, None, None] + ph)
    img = img * (0.5 + torch.rand(n, 1, 1, generator=g)) + 0.9 * torch.randn(n, 16, 16, generator=g)
    return (img / img.std()).unsqueeze(1), y


class VGGish(nn.Module):
    def __init__(self, ncls=6):
        super().__init__()
        cfg = [16, 16, "M", 32, 32, "M", 32, 32]
        layers, c = [], 1
        for v in cfg:
            if v == "M":
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(c, v, 3, padding=1), nn.ReLU(inplace=True)]
                c = v
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(32 * 16, 64), nn.ReLU(True), nn.Linear(64, ncls))
        self._initialize_weights()

    def _initialize_weights(self):
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                if mode == "faulty":
                    nn.init.normal_(m.weight, 0, 0.01)
                else:
                    nn.init.kaiming_normal_(m.weight, mode="fan_in", nonlinearity="relu")
                nn.init.zeros_(m.bias)
            elif isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, 0, 0.03)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        return self.classifier(self.features(x))


g = torch.Generator().manual_seed(5)
xtr, ytr = weave(3000, g)
xva, yva = weave(800, g)
train_dl = DataLoader(TensorDataset(xtr, ytr), batch_size=64, shuffle=True)
val_dl = DataLoader(TensorDataset(xva, yva), batch_size=200)

model = VGGish()
opt = torch.optim.SGD(model.parameters(), lr=0.008, momentum=0.9, weight_decay=5e-4)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 8)
crit = nn.CrossEntropyLoss()
w = DiagWriter(logdir)
w.watch(model, opt, crit)
for epoch in range(8):
    model.train()
    tot = 0
    for x, y in train_dl:
        opt.zero_grad()
        loss = crit(model(x), y)
        loss.backward()
        opt.step()
        tot += loss.item() * len(x)
    sched.step()
    with w.evaluating("val"):
        vl = hit = 0
        for x, y in val_dl:
            o = model(x)
            vl += crit(o, y).item() * len(x)
            hit += (o.argmax(1) == y).sum().item()
    print(epoch, "train %.3f val %.3f acc %.3f" % (tot / len(xtr), vl / len(xva), hit / len(xva)))
w.close()
