'''Image colorization starter code (after lukemelas' "Image Colorization with Convolutional Neural Networks"):
the a and b channels from the lightness, MSE, Adam 5e-3, weight_decay=0. Landscapes and rooms are painted by the script;
things of the same texture may have several colours, so the error has a floor.'''
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class AverageMeter(object):
    '''A handy class from the PyTorch ImageNet tutorial'''
    def __init__(self):
        self.reset()

    def reset(self):
        self.val, self.avg, self.sum, self.count = 0, 0, 0, 0

    def update(self, val, n=1):
        self.val = val
        self.sum += val * n
        self.count += n
        self.avg = self.sum / self.count


class GrayscaleScenes(Dataset):
    def __init__(self, n, seed):
        r = np.random.default_rng(seed)
        yy, xx = np.mgrid[0:24, 0:24]
        self.L = np.zeros((n, 1, 24, 24), np.float32)
        self.ab = np.zeros((n, 2, 24, 24), np.float32)
        for i in range(n):
            h = r.uniform(8, 15) + r.uniform(-2, 2) * np.sin(xx / r.uniform(3, 8) + r.uniform(0, 6))
            sky = yy < h
            sunset = r.random() < .3
            grad = (h - yy) / 15
            L = np.where(sky, .65 + (.2 - .45 * sunset) * grad, .35 + .08 * np.sin(3 * xx + r.uniform(0, 6)) * np.sin(2.5 * yy))
            a = np.where(sky, .25 * sunset * (1 - grad), -.28)
            b = np.where(sky, .25 * sunset - .35 * (1 - sunset), .25)
            for _ in range(r.integers(1, 4)):
                cx, s = r.uniform(2, 22), r.uniform(2.5, 5)
                by = r.uniform(13, 22)
                if r.random() < .5:       # house: flat wall with a window, wall colour is anybody's guess
                    m = (abs(xx - cx) < s) & (yy < by) & (yy > by - 1.5 * s)
                    tone = r.choice([0, 1, 2], p=[.5, .3, .2])
                    L = np.where(m, r.uniform(.7, .9), L)
                    a, b = np.where(m, [.05, .3, -.05][tone], a), np.where(m, [.1, .2, -.2][tone], b)
                    w = (abs(xx - cx) < 1) & (abs(yy - by + s) < 1)
                    L, a, b = np.where(w, .15, L), np.where(w, 0, a), np.where(w, 0, b)
                else:                     # tree
                    m = ((xx - cx) ** 2 + (yy - by + s) ** 2) < s ** 2
                    autumn = r.random() < .25
                    L = np.where(m, .22 + .12 * autumn + .08 * np.sin(2.2 * xx) * np.cos(2.7 * yy), L)
                    a, b = np.where(m, .3 if autumn else -.2, a), np.where(m, .35 if autumn else .2, b)
            self.L[i, 0] = L + r.normal(0, .02, L.shape)
            self.ab[i] = np.stack([a, b]) + r.normal(0, .03, (2, 24, 24))

    def __getitem__(self, i):
        return self.L[i], self.ab[i]

    def __len__(self):
        return len(self.L)


class ColorizationNet(nn.Module):
    def __init__(self):
        super(ColorizationNet, self).__init__()
        self.midlevel = nn.Sequential(
            nn.Conv2d(1, 16, kernel_size=5, stride=2, padding=2), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, kernel_size=3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 32, kernel_size=3, padding=1), nn.BatchNorm2d(32), nn.ReLU())
        self.upsample = nn.Sequential(
            nn.Upsample(scale_factor=2), nn.Conv2d(32, 16, kernel_size=3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Upsample(scale_factor=2), nn.Conv2d(16, 8, kernel_size=3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 2, kernel_size=3, padding=1))

    def forward(self, input):
        return self.upsample(self.midlevel(input))


def validate(val_loader, model, criterion):
    model.eval()
    losses = AverageMeter()
    with torch.no_grad():
        for input_gray, input_ab in val_loader:
            losses.update(criterion(model(input_gray), input_ab).item(), input_gray.size(0))
    return losses.avg


def train(train_loader, model, criterion, optimizer, epoch):
    model.train()
    losses = AverageMeter()
    for i, (input_gray, input_ab) in enumerate(train_loader):
        output_ab = model(input_gray)
        loss = criterion(output_ab, input_ab)
        losses.update(loss.item(), input_gray.size(0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print('Finished training epoch {}: loss {:.5f}'.format(epoch, losses.avg))
    return losses.avg


model = ColorizationNet()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=0.0)
train_loader = DataLoader(GrayscaleScenes(1300, 0), batch_size=32, shuffle=True)
val_set = GrayscaleScenes(400, 1)
val_loader = DataLoader(val_set, batch_size=100, shuffle=False)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
epochs = 10
for epoch in range(epochs):
    tr = train(train_loader, model, criterion, optimizer, epoch)
    with writer.evaluating("val"):
        va = validate(val_loader, model, criterion)
    print('validation {:.5f}'.format(va))
writer.close()
print(f"RESULT train {tr:.5f} val {va:.5f} (grey picture {np.square(val_set.ab).mean():.5f}, mean {val_set.ab.var():.5f})")
