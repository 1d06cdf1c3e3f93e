"""U-Net for cell images: cross-entropy plus Dice loss, RMSprop with momentum and tiny weight decay, gradient
clipping, ReduceLROnPlateau on the validation Dice score that is computed several times per epoch.
Port of milesial/Pytorch-UNet train.py; made-up pictures of cells."""
import logging
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader, TensorDataset, random_split
from tb_lossdiag import DiagWriter

logging.basicConfig(level=logging.INFO, format='%(levelname)s: %(message)s', stream=sys.stdout)
torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)
S = 32


def picture():
    yy, xx = np.mgrid[:S, :S]
    img = 0.35 + 0.1 * np.sin(xx / rng.uniform(4, 9) + rng.uniform(0, 6)) * np.cos(yy / rng.uniform(4, 9))
    mask = np.zeros((S, S))
    for _ in range(rng.integers(2, 5)):
        cx, cy, a, b, th = rng.uniform(4, S - 4), rng.uniform(4, S - 4), rng.uniform(3, 6), rng.uniform(2.5, 5), rng.uniform(0, 3.14)
        u = (xx - cx) * np.cos(th) + (yy - cy) * np.sin(th)
        v = -(xx - cx) * np.sin(th) + (yy - cy) * np.cos(th)
        e = (u / a) ** 2 + (v / b) ** 2
        mask[e < 1] = 1
        img = np.where(e < 1, img * 0.4 + rng.uniform(0.35, 0.6) - 0.15 * (e < 0.15), img)
    for _ in range(3):      # bright debris that is no cell
        x, y = rng.integers(0, S, 2)
        img[max(0, y - 1):y + 1, max(0, x - 1):x + 1] = 0.8
    img = img + rng.normal(0, 0.08, img.shape)
    return img.astype(np.float32), mask.astype(np.int64)


class DoubleConv(nn.Sequential):
    def __init__(self, i, o):
        super().__init__(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True),
                         nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.n_classes = n_classes
        self.inc = DoubleConv(n_channels, 8)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(8, 16))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(16, 32))
        self.up1, self.c1 = nn.ConvTranspose2d(32, 16, 2, stride=2), DoubleConv(32, 16)
        self.up2, self.c2 = nn.ConvTranspose2d(16, 8, 2, stride=2), DoubleConv(16, 8)
        self.outc = nn.Conv2d(8, n_classes, 1)

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x = self.c1(torch.cat([x2, self.up1(x3)], 1))
        x = self.c2(torch.cat([x1, self.up2(x)], 1))
        return self.outc(x)


def dice_coeff(p, t, eps=1e-6):
    inter = 2 * (p * t).sum((-1, -2))
    sets = p.sum((-1, -2)) + t.sum((-1, -2))
    sets = torch.where(sets == 0, inter, sets)
    return ((inter + eps) / (sets + eps)).mean()


def dice_loss(p, t):
    return 1 - dice_coeff(p.flatten(0, 1), t.flatten(0, 1))


def evaluate(net, loader):
    net.eval()
    score = 0
    with torch.no_grad():
        for img, mask in loader:
            pred = F.one_hot(net(img).argmax(1), net.n_classes).permute(0, 3, 1, 2).float()
            true = F.one_hot(mask, net.n_classes).permute(0, 3, 1, 2).float()
            score += dice_coeff(pred[:, 1:], true[:, 1:])
    net.train()
    return score / len(loader)


def train_model(net, epochs=6, batch_size=8, learning_rate=1e-3, momentum=0.9, weight_decay=1e-8, gradient_clipping=1.0):
    im, ma = zip(*[picture() for _ in range(700)])
    dataset = TensorDataset(torch.tensor(np.stack(im))[:, None], torch.tensor(np.stack(ma)))
    train_set, val_set = random_split(dataset, [600, 100], generator=torch.Generator().manual_seed(0))
    train_loader = DataLoader(train_set, shuffle=True, batch_size=batch_size)
    val_loader = DataLoader(val_set, batch_size=20)
    optimizer = optim.RMSprop(net.parameters(), lr=learning_rate, weight_decay=weight_decay, momentum=momentum)
    scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, 'max', patience=5)
    criterion = nn.CrossEntropyLoss()
    writer = DiagWriter(sys.argv[1])
    writer.watch(net, optimizer)
    step = 0
    for epoch in range(1, epochs + 1):
        net.train()
        epoch_loss = 0
        for images, true_masks in train_loader:
            masks_pred = net(images)
            loss = criterion(masks_pred, true_masks)
            loss = loss + dice_loss(F.softmax(masks_pred, dim=1).float(),
                                    F.one_hot(true_masks, net.n_classes).permute(0, 3, 1, 2).float())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), gradient_clipping)
            optimizer.step()
            writer.add_loss("train", loss)
            epoch_loss += loss.item()
            step += 1
            if step % 15 == 0:
                val_score = evaluate(net, val_loader)
                scheduler.step(val_score)
                if step % 75 == 0:
                    logging.info('epoch {} Validation Dice score: {:.4f} lr {:g}'.format(epoch, val_score, optimizer.param_groups[0]['lr']))
        logging.info('epoch {} loss {:.4f}'.format(epoch, epoch_loss / len(train_loader)))
    writer.close()


if __name__ == '__main__':
    train_model(UNet(1, 2))
