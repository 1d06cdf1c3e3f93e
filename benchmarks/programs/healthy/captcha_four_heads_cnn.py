import argparse
import random
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import Dataset, DataLoader

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class CaptchaData(Dataset):
    """four digits pasted next to each other, jitter, a line through it, salt noise"""

    def __init__(self, digits, labels, size, seed):
        self.rng = np.random.RandomState(seed)
        imgs, labs = [], []
        for _ in range(size):
            canvas = np.zeros((10, 44), dtype=np.float32)
            lab = []
            for k in range(4):
                i = self.rng.randint(len(digits))
                dy, dx = self.rng.randint(0, 3), self.rng.randint(-1, 2)
                x0 = 2 + k * 10 + dx
                canvas[dy:dy + 8, x0:x0 + 8] = np.maximum(canvas[dy:dy + 8, x0:x0 + 8], digits[i])
                lab.append(labels[i])
            y0, y1 = self.rng.randint(0, 10, 2)
            for x in range(44):
                canvas[int(round(y0 + (y1 - y0) * x / 43)), x] = .7
            canvas += self.rng.normal(0, .12, canvas.shape)
            imgs.append(canvas)
            labs.append(lab)
        self.imgs = torch.tensor(np.array(imgs)).unsqueeze(1)
        self.labs = torch.tensor(np.array(labs)).long()

    def __len__(self):
        return len(self.imgs)

    def __getitem__(self, i):
        return (self.imgs[i] - 0.24) / 0.35, self.labs[i]


class CNN(nn.Module):
    def __init__(self, num_class=10, num_char=4):
        super().__init__()
        self.num_class, self.num_char = num_class, num_char
        self.conv = nn.Sequential(
            nn.Conv2d(1, 10, 3, padding=1), nn.BatchNorm2d(10), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(10, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
        )
        self.fc = nn.Sequential(nn.Dropout(0.3), nn.Linear(24 * 2 * 11, num_class * num_char))

    def forward(self, x):
        x = self.conv(x)
        return self.fc(x.flatten(1))


def calculat_acc(output, target):
    output = output.view(-1, 10).argmax(1).view(-1, 4)
    ok = output == target
    return ok.float().mean().item(), ok.all(1).float().mean().item()


def main():
    random.seed(3); np.random.seed(3); torch.manual_seed(3)
    d = load_digits()
    imgs, labels = d.images.astype(np.float32) / 16., d.target
    perm = np.random.permutation(len(imgs))
    tr, te = perm[:1400], perm[1400:]
    train_dl = DataLoader(CaptchaData(imgs[tr], labels[tr], 4000, 0), batch_size=64, shuffle=True)
    test_dl = DataLoader(CaptchaData(imgs[te], labels[te], 1000, 1), batch_size=250)

    cnn = CNN()
    optimizer = torch.optim.Adam(cnn.parameters(), lr=4e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=8, gamma=0.3)
    criterion = nn.CrossEntropyLoss()
    writer = DiagWriter(sys.argv[1])
    writer.watch(cnn, optimizer, criterion)

    for epoch in range(12):
        cnn.train()
        losses, accs = [], []
        for img, target in train_dl:
            output = cnn(img)
            # every character is one row of 10 scores
            loss = criterion(output.view(-1, 10), target.view(-1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            accs.append(calculat_acc(output, target)[0])
        scheduler.step()

        cnn.eval()
        vl, va, vs = [], [], []
        with writer.evaluating("val"), torch.no_grad():
            for img, target in test_dl:
                output = cnn(img)
                vl.append(criterion(output.view(-1, 10), target.view(-1)).item())
                a, s = calculat_acc(output, target)
                va.append(a); vs.append(s)
        print('epoch {} train_loss: {:.4f} train_acc: {:.4f} | test_loss: {:.4f} char acc: {:.4f} captcha acc: {:.4f}'.format(
            epoch, np.mean(losses), np.mean(accs), np.mean(vl), np.mean(va), np.mean(vs)))
    writer.close()
    print(f"RESULT val_loss={np.mean(vl):.4f} char_acc={np.mean(va):.4f} captcha_acc={np.mean(vs):.4f}")


if __name__ == '__main__':
    main()
