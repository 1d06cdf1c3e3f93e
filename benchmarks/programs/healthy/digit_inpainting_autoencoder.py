import sys
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.optim.lr_scheduler import MultiStepLR
from tb_lossdiag import DiagWriter

# Context encoder: a 4x4 hole is cut out of the 8x8 digit, the net fills it in. Loss on the hole only.
torch.set_num_threads(1)
torch.manual_seed(5)
images = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 16
images = images[torch.randperm(len(images))]
train, test = images[:1450], images[1450:]


def cut_hole(x, gen=None):
    n = len(x)
    r = torch.randint(0, 5, (n,), generator=gen)
    c = torch.randint(0, 5, (n,), generator=gen)
    rows, cols = torch.arange(8)[None, :, None], torch.arange(8)[None, None, :]
    r, c = r[:, None, None], c[:, None, None]
    hole = ((rows >= r) & (rows < r + 4) & (cols >= c) & (cols < c + 4))[:, None].float()
    return torch.cat([x * (1 - hole), hole], 1), hole


class Inpainter(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(2, 24, 3, padding=1), nn.LeakyReLU(0.1),
            nn.Conv2d(24, 32, 3, stride=2, padding=1), nn.LeakyReLU(0.1),
            nn.Conv2d(32, 48, 3, stride=2, padding=1), nn.LeakyReLU(0.1),
            nn.Flatten(), nn.Linear(192, 96), nn.LeakyReLU(0.1))
        self.decoder = nn.Sequential(
            nn.Linear(96, 192), nn.LeakyReLU(0.1), nn.Unflatten(1, (48, 2, 2)),
            nn.ConvTranspose2d(48, 32, 4, 2, 1), nn.LeakyReLU(0.1),
            nn.ConvTranspose2d(32, 24, 4, 2, 1), nn.LeakyReLU(0.1),
            nn.Conv2d(24, 1, 3, padding=1), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))


class HoleMSE(nn.Module):
    def forward(self, output, target, hole):
        return ((output - target) ** 2 * hole).sum() / hole.sum()


net = Inpainter()
loss_fn = HoleMSE()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
sched = MultiStepLR(optimizer, [30, 40], gamma=0.3)
w = DiagWriter(sys.argv[1])
w.watch(net, optimizer, loss_fn)
test_in, test_hole = cut_hole(test, torch.Generator().manual_seed(0))

for epoch in range(46):
    net.train()
    s = k = 0
    for idx in torch.randperm(len(train)).split(32):
        x = train[idx]
        inp, hole = cut_hole(x)                # a new hole each time
        loss = loss_fn(net(inp), x, hole)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        s += loss.item(); k += 1
    sched.step()
    if epoch % 3 == 0 or epoch == 45:
        net.eval()
        with torch.no_grad(), w.evaluating("test"):
            out = net(test_in)
            tl = loss_fn(out, test, test_hole).item()
        print(f"{epoch:3d} train {s / k:.5f} test {tl:.5f}")
mean_fill = loss_fn(train.mean(0, keepdim=True).expand_as(test), test, test_hole).item()
w.close()
print(f"RESULT train {s / k:.5f} test {tl:.5f} mean picture {mean_fill:.5f}")
