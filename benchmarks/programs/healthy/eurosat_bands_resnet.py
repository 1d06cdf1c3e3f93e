"""Land use from multispectral patches (EuroSAT-like, 6 bands, 8 classes), a small ResNet from scratch."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
gen = torch.Generator().manual_seed(20)
torch.manual_seed(20)
CLASSES = ["AnnualCrop", "Forest", "Herbaceous", "Highway", "Industrial", "PermanentCrop", "River", "SeaLake"]
SPECTRA = torch.tensor([[.30, .35, .40, .50, .55, .45], [.15, .22, .15, .55, .35, .18], [.22, .30, .27, .52, .45, .30], [.28, .33, .35, .42, .45, .40],
                        [.42, .42, .43, .46, .48, .46], [.26, .33, .34, .52, .50, .38], [.22, .27, .22, .30, .25, .18], [.18, .20, .12, .08, .06, .05]])


def patches(n, size=20):
    y = torch.randint(0, 8, (n,), generator=gen)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    tex = F.interpolate(torch.randn(n, 6, 5, 5, generator=gen), size=(size, size), mode="bilinear") * .06 + torch.randn(n, 6, size, size, generator=gen) * .03
    x = SPECTRA[y][:, :, None, None] + tex + .05 * torch.randn(n, 6, 1, 1, generator=gen) + .05 * torch.randn(n, 1, 1, 1, generator=gen)
    ang = torch.rand(n, generator=gen) * 3.1416
    off = torch.rand(n, generator=gen) * .8 - .4
    d = torch.cos(ang)[:, None, None] * xx + torch.sin(ang)[:, None, None] * yy - off[:, None, None]
    line = (d.abs() < .12).float()[:, None]
    furrow = torch.sin(d * 18)[:, None] * .05
    bg = SPECTRA[torch.randint(0, 3, (n,), generator=gen)][:, :, None, None]
    is_road, is_river, is_crop = (y == 3), (y == 6), (y == 0) | (y == 5)
    x[is_road] = bg[is_road] + tex[is_road] + line[is_road] * .12
    x[is_river] = bg[is_river] + tex[is_river] - (d.abs() < .2).float()[:, None][is_river] * .13
    x[is_crop] = x[is_crop] + furrow[is_crop]
    return x.float(), y


x_train, y_train = patches(2600)
x_val, y_val = patches(800)
mean, std = x_train.mean((0, 2, 3), keepdim=True), x_train.std((0, 2, 3), keepdim=True)
x_train, x_val = (x_train - mean) / std, (x_val - mean) / std


class BasicBlock(nn.Module):
    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.short = nn.Sequential() if stride == 1 and cin == cout else nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(h)) + self.short(x))


class SatNet(nn.Module):
    def __init__(self, bands=6, classes=8):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(bands, 12, 3, 1, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU())
        self.layers = nn.Sequential(BasicBlock(12, 24, 2), BasicBlock(24, 48, 2))
        self.fc = nn.Linear(48, classes)

    def forward(self, x):
        return self.fc(self.layers(self.stem(x)).mean((2, 3)))


def augment(x):
    if torch.rand(1) < .5:
        x = x.flip(3)
    if torch.rand(1) < .5:
        x = x.flip(2)
    return torch.rot90(x, int(torch.randint(0, 4, (1,))), (2, 3))


net = SatNet()
optim = torch.optim.SGD(net.parameters(), lr=0.05, momentum=.9, weight_decay=5e-4, nesterov=True)
EPOCHS, BS = 12, 64
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optim, EPOCHS)
lossf = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, optim, lossf)
for epoch in range(EPOCHS):
    net.train()
    run = 0.
    for idx in torch.randperm(len(x_train)).split(BS):
        out = net(augment(x_train[idx]))
        loss = lossf(out, y_train[idx])
        optim.zero_grad()
        loss.backward()
        optim.step()
        run += loss.item() * len(idx) / len(x_train)
    sched.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        vl, va = 0., 0.
        for b, t in zip(x_val.split(200), y_val.split(200)):
            out = net(b)
            vl += lossf(out, t).item() / 4
            va += (out.argmax(1) == t).float().mean().item() / 4
    print(f"[{epoch + 1}/{EPOCHS}] loss {run:.3f} val loss {vl:.3f} val acc {va:.3f}")
writer.close()
print(f"RESULT train={run:.4f} val={vl:.4f} acc={va:.4f}")
