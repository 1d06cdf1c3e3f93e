"""Where is the mine?  A fully convolutional net looks at half-opened minesweeper boards and gives the
odds of a mine in every closed square.  Boards are played at random (simulated), so much of a closed
square is pure luck and the cross entropy stays well above zero."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.manual_seed(7)
torch.set_num_threads(1)
rng = np.random.default_rng(7)
H = W = 8
MINES = 12


def boards(n):
    idx = rng.random((n, H * W)).argsort(1)[:, :MINES]
    m = np.zeros((n, H * W), "float32")
    np.put_along_axis(m, idx, 1, 1)
    m = m.reshape(n, H, W)
    p = np.pad(m, ((0, 0), (1, 1), (1, 1)))
    cnt = sum(p[:, 1 + i:1 + i + H, 1 + j:1 + j + W] for i in (-1, 0, 1) for j in (-1, 0, 1)) - m
    openp = rng.uniform(.2, .8, (n, 1, 1))
    opened = ((rng.random((n, H, W)) < openp) & (m == 0))
    planes = np.zeros((n, 11, H, W), "float32")
    for k in range(9):
        planes[:, k] = opened & (cnt == k)
    planes[:, 9] = ~opened
    planes[:, 10] = 1                                  # board mask, zero padding marks the edge
    return torch.tensor(planes), torch.tensor(m), torch.tensor(~opened)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.a, self.b = nn.Conv2d(c, c, 3, padding=1), nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x):
        return x + self.b(torch.relu(self.a(torch.relu(x))))


class Odds(nn.Module):
    def __init__(self, c=24):
        super().__init__()
        self.stem = nn.Conv2d(11, c, 5, padding=2)
        self.body = nn.Sequential(Block(c), Block(c))
        self.head = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        return self.head(torch.relu(self.body(self.stem(x)))).squeeze(1)


net = Odds()
opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-4)
STEPS = 1500
sched = torch.optim.lr_scheduler.OneCycleLR(opt, 8e-3, total_steps=STEPS)
bce = nn.BCEWithLogitsLoss(reduction="none")


def closed_bce(logits, mine, closed):
    return (bce(logits, mine) * closed).sum() / closed.sum()


writer = DiagWriter(sys.argv[1])
writer.watch(net, opt)
vx, vm, vc = boards(2000)
for step in range(1, STEPS + 1):
    x, m, c = boards(64)                               # fresh boards every step
    loss = closed_bce(net(x), m, c)
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()
    sched.step()
    writer.add_scalar("Loss/train", loss.item(), step)
    if step % 150 == 0:
        net.eval()
        with torch.no_grad():
            z = net(vx)
            v = closed_bce(z, vm, vc).item()
        net.train()
        writer.add_scalar("Loss/val", v, step)
        print(step, round(loss.item(), 4), round(v, 4))
writer.close()
q = vm[vc].mean()
prior = -(q * q.log() + (1 - q) * (1 - q).log()).item()
# odds from the density of closed squares on each board only
d = (vm.sum((1, 2)) / vc.sum((1, 2)))[:, None, None].expand_as(vm)
dens = nn.functional.binary_cross_entropy(d[vc], vm[vc]).item()
print("RESULT val_bce", round(v, 4), "constant", round(prior, 4), "density_only", round(dens, 4))
