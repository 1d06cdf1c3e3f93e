from __future__ import print_function
import sys
from math import log10

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.nn.init as init
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

# PyTorch Super Res Example: ESPCN, upscale factor 3, luminance channel only
upscale_factor = 3
batchSize = 4
nEpochs = 20
lr = 0.002
torch.set_num_threads(1)
torch.manual_seed(123)


def make_images(n, size=36):
    """Y channel of little street scenes: gradients, blocks with hard edges, stripes."""
    yy, xx = torch.meshgrid(torch.linspace(0, 1, size), torch.linspace(0, 1, size), indexing='ij')
    out = []
    for _ in range(n):
        r = torch.rand(6)
        img = 0.3 + 0.4 * (r[0] * xx + r[1] * yy) / 2
        for _ in range(5):
            c = torch.rand(6)
            a = c[5] * 3.14
            u = (xx - c[0]) * torch.cos(a) + (yy - c[1]) * torch.sin(a)
            v = -(xx - c[0]) * torch.sin(a) + (yy - c[1]) * torch.cos(a)
            m = (u.abs() < 0.1 + 0.25 * c[2]) & (v.abs() < 0.1 + 0.25 * c[3])
            img = torch.where(m, c[4] + 0.1 * torch.sin(12 * u), img)
        out.append(img.clamp(0, 1) + 0.01 * torch.randn(size, size))
    return torch.stack(out).unsqueeze(1)


def pairs(n):
    hr = make_images(n)
    lr_img = F.interpolate(hr, scale_factor=1 / upscale_factor, mode='bicubic', antialias=True, align_corners=False)
    return TensorDataset(lr_img, hr)


class Net(nn.Module):
    def __init__(self, upscale_factor):
        super(Net, self).__init__()
        self.relu = nn.ReLU()
        self.conv1 = nn.Conv2d(1, 32, (5, 5), (1, 1), (2, 2))
        self.conv2 = nn.Conv2d(32, 32, (3, 3), (1, 1), (1, 1))
        self.conv3 = nn.Conv2d(32, 16, (3, 3), (1, 1), (1, 1))
        self.conv4 = nn.Conv2d(16, upscale_factor ** 2, (3, 3), (1, 1), (1, 1))
        self.pixel_shuffle = nn.PixelShuffle(upscale_factor)
        self._initialize_weights()

    def forward(self, x):
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x))
        x = self.relu(self.conv3(x))
        return self.pixel_shuffle(self.conv4(x))

    def _initialize_weights(self):
        init.orthogonal_(self.conv1.weight, init.calculate_gain('relu'))
        init.orthogonal_(self.conv2.weight, init.calculate_gain('relu'))
        init.orthogonal_(self.conv3.weight, init.calculate_gain('relu'))
        init.orthogonal_(self.conv4.weight)


print('===> Loading datasets')
training_data_loader = DataLoader(pairs(800), batch_size=batchSize, shuffle=True)
testing_data_loader = DataLoader(pairs(100), batch_size=50)

print('===> Building model')
model = Net(upscale_factor=upscale_factor)
criterion = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=lr)
scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, nEpochs)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def train(epoch):
    epoch_loss = 0
    for iteration, batch in enumerate(training_data_loader, 1):
        input, target = batch
        optimizer.zero_grad()
        loss = criterion(model(input), target)
        epoch_loss += loss.item()
        loss.backward()
        optimizer.step()
    print("===> Epoch {} Complete: Avg. Loss: {:.5f}".format(epoch, epoch_loss / len(training_data_loader)), end='  ')


def test():
    avg_psnr = 0
    avg_mse = 0
    with torch.no_grad():
        for input, target in testing_data_loader:
            mse = F.mse_loss(model(input), target)
            avg_mse += mse.item() / len(testing_data_loader)
            avg_psnr += 10 * log10(1 / mse.item()) / len(testing_data_loader)
    print("===> Avg. PSNR: {:.3f} dB  mse {:.6f}".format(avg_psnr, avg_mse))


for epoch in range(1, nEpochs + 1):
    train(epoch)
    test()
    scheduler.step()
writer.close()
