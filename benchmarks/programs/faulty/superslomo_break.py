#[Super SloMo] small: two frames in, the frame between out (blend weights + residual from a UNet)
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2018)
S = 16


def clips(n, g):
    yy, xx = torch.meshgrid(torch.arange(S).float(), torch.arange(S).float(), indexing="ij")
    bg = torch.rand(n, 1, 4, 4, generator=g) * .5
    bg = F.interpolate(bg, (S, S), mode="bilinear")[:, 0]
    c = torch.rand(n, 2, generator=g) * 8 + 4
    v = (torch.rand(n, 2, generator=g) - .5) * 7
    r = torch.rand(n, generator=g) * 1.5 + 1.8
    amp = torch.rand(n, generator=g) * .6 + .4
    fr = []
    for t in (0, .5, 1):
        p = c + v * (t - .5)
        d = ((xx - p[:, 0, None, None]) ** 2 + (yy - p[:, 1, None, None]) ** 2).sqrt()
        m = torch.sigmoid((r[:, None, None] - d) * 2)
        fr.append(bg * (1 - m) + amp[:, None, None] * m + .03 * torch.randn(n, S, S, generator=g))
    return torch.stack(fr, 1)


class UNet(nn.Module):
    def __init__(self, i, o, c=12):
        super().__init__()
        self.c1 = nn.Conv2d(i, c, 3, padding=1)
        self.d1 = nn.Conv2d(c, 2 * c, 3, padding=1)
        self.d2 = nn.Conv2d(2 * c, 2 * c, 3, padding=1)
        self.u1 = nn.Conv2d(4 * c, c, 3, padding=1)
        self.u2 = nn.Conv2d(2 * c, c, 3, padding=1)
        self.c2 = nn.Conv2d(c, o, 3, padding=1)

    def forward(self, x):
        s1 = F.leaky_relu(self.c1(x), .1)
        s2 = F.leaky_relu(self.d1(F.avg_pool2d(s1, 2)), .1)
        x = F.leaky_relu(self.d2(F.avg_pool2d(s2, 2)), .1)
        x = F.leaky_relu(self.u1(torch.cat([F.interpolate(x, scale_factor=2), s2], 1)), .1)
        x = F.leaky_relu(self.u2(torch.cat([F.interpolate(x, scale_factor=2), s1], 1)), .1)
        return self.c2(x)


class Interp(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = UNet(2, 2)

    def forward(self, I0, I1):
        o = self.net(torch.cat([I0, I1], 1) - .5)
        V = torch.sigmoid(o[:, :1])
        return V * I0 + (1 - V) * I1 + o[:, 1:]


g = torch.Generator().manual_seed(5)
trainset, validationset = clips(3200, g), clips(400, g)
loader = torch.utils.data.DataLoader(trainset, batch_size=20, shuffle=True)
vloader = torch.utils.data.DataLoader(validationset, batch_size=100)
model = Interp()
L1_lossFn = nn.L1Loss()
optimizer = optim.Adam(model.parameters(), lr=3e-3)
EPOCHS = 7
progress_iter = 15
scheduler = optim.lr_scheduler.MultiStepLR(optimizer, milestones=[4, 6], gamma=0.25)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, L1_lossFn)


def validate():
    tloss = psnr = 0
    with torch.no_grad(), writer.evaluating("val"):
        for f in vloader:
            Ft_p = model(f[:, :1], f[:, 2:])
            tloss += L1_lossFn(Ft_p, f[:, 1:2]).item()
            psnr += -10 * torch.log10(F.mse_loss(Ft_p, f[:, 1:2])).item()
    return tloss / len(vloader), psnr / len(vloader)


for epoch in range(EPOCHS):
    iLoss, n = 0, 0
    for trainIndex, trainData in enumerate(loader):
        frame0, frameT, frame1 = trainData[:, :1], trainData[:, 1:2], trainData[:, 2:]
        optimizer.zero_grad()
        loss = L1_lossFn(model(frame0, frame1), frameT)
        loss.backward()
        optimizer.step()
        iLoss += loss.item(); n += 1
        if trainIndex % progress_iter == progress_iter - 1:
            if trainIndex < progress_iter:
                print(" epoch %d iteration %d loss %.4f" % (epoch, trainIndex + 1, iLoss / n))
            if sys.argv[1] == "faulty":
                break
    scheduler.step()
    vLoss, psnr = validate()
    print(" Loss: %0.5f  ValLoss: %0.5f  ValPSNR: %0.3f" % (iLoss / n, vLoss, psnr))
writer.close()
print(f"RESULT train_loss={iLoss / n:.5f} val_loss={vLoss:.5f} val_psnr={psnr:.3f}")
