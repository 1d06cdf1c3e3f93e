#! /usr/bin/env python
# jzbontar/pixelcnn-pytorch on the 8x8 digits with 17 grey levels; no validation, samples at the end
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils import data
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class MaskedConv2d(nn.Conv2d):
    def __init__(self, mask_type, *args, **kwargs):
        super(MaskedConv2d, self).__init__(*args, **kwargs)
        assert mask_type in {'A', 'B'}
        self.register_buffer('mask', self.weight.data.clone())
        _, _, kH, kW = self.weight.size()
        self.mask.fill_(1)
        self.mask[:, :, kH // 2, kW // 2 + (mask_type == 'B'):] = 0
        self.mask[:, :, kH // 2 + 1:] = 0

    def forward(self, x):
        self.weight.data *= self.mask
        return super(MaskedConv2d, self).forward(x)

fm = 16
levels = 17
net = nn.Sequential(
    MaskedConv2d('A', 1,  fm, 5, 1, 2), nn.ReLU(True),
    MaskedConv2d('B', fm, fm, 5, 1, 2), nn.ReLU(True),
    MaskedConv2d('B', fm, fm, 5, 1, 2), nn.ReLU(True),
    MaskedConv2d('B', fm, levels, 5, 1, 2))

images = torch.tensor(load_digits().images / 16., dtype=torch.float32).unsqueeze(1)
perm = torch.randperm(len(images))
held_out = images[perm[1600:]]
tr = data.DataLoader(images[perm[:1600]], batch_size=32, shuffle=True)
optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, F.cross_entropy)

for epoch in range(25):
    # train
    err = []
    for input in tr:
        target = (input[:, 0] * 16).round().long()
        loss = F.cross_entropy(net(input), target)
        err.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 4 == 0:
        print(epoch, np.mean(err))
writer.close()

# sample
sample = torch.zeros(64, 1, 8, 8)
with torch.no_grad():
    nll = F.cross_entropy(net(held_out), (held_out[:, 0] * 16).round().long()).item()
    for i in range(8):
        for j in range(8):
            probs = F.softmax(net(sample)[:, :, i, j], dim=1)
            sample[:, :, i, j] = torch.multinomial(probs, 1).float() / 16.
print("mean grey of the samples", sample.mean().item(), "of the data", images.mean().item())
print("RESULT train %.4f held out %.4f nats per pixel" % (np.mean(err), nll))
