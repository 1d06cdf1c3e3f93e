# Deep image prior: an untrained encoder-decoder is fitted to ONE noisy picture from fixed random input.
# no data set, no validation set, "overfitting" one image is the method, and the number of iterations is its regulariser
# (run it three times as long and it starts to paint the noise).
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)


def picture(n=48):
    yy, xx = np.mgrid[:n, :n] / n
    img = 0.25 + 0.3 * xx
    img[(np.hypot(xx - .35, yy - .4) < .22)] = 0.85
    img[(np.abs(xx - .72) < .13) & (np.abs(yy - .65) < .2)] = 0.15
    img += 0.12 * np.sin(14 * np.pi * yy) * (xx > .55) * (yy < .4)
    return np.clip(img, 0, 1).astype(np.float32)


def conv(i, o, k=3, stride=1):
    return nn.Sequential(nn.ReflectionPad2d(k // 2), nn.Conv2d(i, o, k, stride), nn.BatchNorm2d(o), nn.LeakyReLU(0.2))


class SkipNet(nn.Module):
    def __init__(self, c_in=8, w=16, skip=4):
        super().__init__()
        self.d1 = nn.Sequential(conv(c_in, w, 3, 2), conv(w, w))
        self.d2 = nn.Sequential(conv(w, w, 3, 2), conv(w, w))
        self.s1, self.s2 = conv(c_in, skip, 1), conv(w, skip, 1)
        self.u2 = nn.Sequential(nn.BatchNorm2d(w + skip), conv(w + skip, w), conv(w, w, 1))
        self.u1 = nn.Sequential(nn.BatchNorm2d(w + skip), conv(w + skip, w), conv(w, w, 1))
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.out = nn.Conv2d(w, 1, 1)

    def forward(self, z):
        a = self.d1(z)
        b = self.d2(a)
        a = self.u2(torch.cat([self.up(b), self.s2(a)], 1))
        return torch.sigmoid(self.out(self.u1(torch.cat([self.up(a), self.s1(z)], 1))))


clean = torch.tensor(picture())[None, None]
noisy = (clean + 25 / 255 * torch.randn_like(clean)).clamp(0, 1)
net = SkipNet()
mse = torch.nn.MSELoss()
LR, num_iter, reg_noise_std, exp_weight = 0.01, 300, 1. / 30., 0.98
net_input_saved = 0.1 * torch.rand(1, 8, 48, 48)
optimizer = torch.optim.Adam(net.parameters(), lr=LR)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, mse)

psnr = lambda a, b: -10 * torch.log10(((a - b) ** 2).mean()).item()
out_avg = None
for i in range(num_iter):
    optimizer.zero_grad()
    net_input = net_input_saved + reg_noise_std * torch.randn_like(net_input_saved)
    out = net(net_input)
    total_loss = mse(out, noisy)
    total_loss.backward()
    optimizer.step()
    out_avg = out.detach() if out_avg is None else out_avg * exp_weight + out.detach() * (1 - exp_weight)
    if i % 50 == 49:
        print(f"Iteration {i+1:05d} Loss {total_loss.item():.5f} PSNR_noisy {psnr(out.detach(), noisy):.2f} PSNR_gt {psnr(out.detach(), clean):.2f} PSNR_gt_sm {psnr(out_avg, clean):.2f}")
writer.close()
print(f"RESULT loss={total_loss.item():.5f} noise_variance={((noisy - clean) ** 2).mean().item():.5f} psnr_noisy={psnr(noisy, clean):.2f} psnr_out={psnr(out.detach(), clean):.2f} psnr_smoothed={psnr(out_avg, clean):.2f}")
