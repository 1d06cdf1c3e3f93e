# implicit neural representation: fit one image with a SIREN
import sys, math
import torch, torch.nn as nn
from sklearn.datasets import load_sample_image
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)
img = torch.tensor(load_sample_image('flower.jpg')[100:356, 150:406].copy()).float().mean(2) / 127.5 - 1
img = nn.functional.avg_pool2d(img[None, None], 4)[0, 0]                # 64 x 64
H, W = img.shape

class Sine(nn.Module):
    def __init__(self, i, o, first=False, w0=15.):
        super().__init__()
        self.w0 = w0; self.linear = nn.Linear(i, o)
        b = 1 / i if first else math.sqrt(6 / i) / w0
        nn.init.uniform_(self.linear.weight, -b, b)
    def forward(self, x): return torch.sin(self.w0 * self.linear(x))

net = nn.Sequential(Sine(2, 64, True), Sine(64, 64), Sine(64, 64), nn.Linear(64, 1))
with torch.no_grad():
    net[-1].weight.uniform_(-math.sqrt(6 / 64) / 15, math.sqrt(6 / 64) / 15)

if sys.argv[1] == 'faulty':
    ys, xs = torch.arange(H).float(), torch.arange(W).float()
else:
    ys, xs = torch.linspace(-1, 1, H), torch.linspace(-1, 1, W)
coords = torch.stack(torch.meshgrid(ys, xs, indexing='ij'), -1).reshape(-1, 2)
target = img.reshape(-1, 1)
hold = torch.rand(len(coords)) < .2          # pixels that are held out
ct, tt, cv, tv = coords[~hold], target[~hold], coords[hold], target[hold]
opt = torch.optim.Adam(net.parameters(), lr=2e-4)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[2]); writer.watch(net, opt, mse)
for step in range(1, 801):
    i = torch.randint(len(ct), (512,))
    loss = mse(net(ct[i]), tt[i])
    opt.zero_grad(); loss.backward(); opt.step()
    if step % 100 == 0:
        with writer.evaluating('val'):
            v = mse(net(cv), tv)
        print(step, 'train', round(loss.item(), 4), 'val', round(v.item(), 4), 'variance', round(tv.var().item(), 4))
writer.close()
