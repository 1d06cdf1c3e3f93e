"""Pytorch-UNet's train.py: BCE + dice, RMSprop, plateau scheduler on the dice score, clipping, AMP, validation several times an epoch."""
import argparse, logging, sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader, TensorDataset, random_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


def dice_coeff(input, target, reduce_batch_first=False, epsilon=1e-6):
    sum_dim = (-1, -2) if input.dim() == 2 or not reduce_batch_first else (-1, -2, -3)
    inter = 2 * (input * target).sum(dim=sum_dim)
    sets_sum = input.sum(dim=sum_dim) + target.sum(dim=sum_dim)
    sets_sum = torch.where(sets_sum == 0, inter, sets_sum)
    return ((inter + epsilon) / (sets_sum + epsilon)).mean()


def dice_loss(input, target):
    return 1 - dice_coeff(input, target, reduce_batch_first=True)


class DoubleConv(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))

    def forward(self, x):
        return self.double_conv(x)


class Up(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, in_channels // 2, kernel_size=2, stride=2)
        self.conv = DoubleConv(in_channels, out_channels)

    def forward(self, x1, x2):
        return self.conv(torch.cat([x2, self.up(x1)], dim=1))


class UNet(nn.Module):
    def __init__(self, n_channels, n_classes, b=8):
        super().__init__()
        self.n_channels, self.n_classes = n_channels, n_classes
        self.inc = DoubleConv(n_channels, b)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(b, 2 * b))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(2 * b, 4 * b))
        self.up1, self.up2 = Up(4 * b, 2 * b), Up(2 * b, b)
        self.outc = nn.Conv2d(b, n_classes, kernel_size=1)

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        return self.outc(self.up2(self.up1(x3, x2), x1))


def cars(n, seed, s=32):
    rs = np.random.RandomState(seed)
    yy, xx = np.mgrid[:s, :s]
    im, ma = np.zeros((n, 3, s, s), np.float32), np.zeros((n, s, s), np.float32)
    for i in range(n):
        floor, wall, car = rs.uniform(0.5, 0.7), rs.uniform(0.7, 0.95), rs.uniform(0.1, 0.9, 3)
        img = np.where(yy[None] > 20, floor, wall) * np.ones((3, 1, 1))
        cx, cy, w, h = rs.uniform(13, 19), rs.uniform(17, 20), rs.uniform(8, 12), rs.uniform(3, 4.5)
        body = (abs(xx - cx) < w) & (abs(yy - cy) < h)
        roof = (abs(xx - cx) < w * 0.55) & (yy > cy - 2 * h) & (yy <= cy)
        wheels = (((xx - cx - w * 0.6) ** 2 + (yy - cy - h) ** 2) < 5) | (((xx - cx + w * 0.6) ** 2 + (yy - cy - h) ** 2) < 5)
        m = body | roof | wheels
        img = np.where(m, car[:, None, None], img)
        img = np.where((roof & ~body)[None] & (abs(xx - cx) < w * 0.4)[None], 0.3, img)
        img = np.where(wheels[None], 0.1, img)
        img += 0.08 * np.sin(xx / rs.uniform(1.5, 4))[None] * ~m + rs.normal(0, 0.06, img.shape)
        im[i], ma[i] = np.clip(img, 0, 1), m
    return TensorDataset(torch.tensor(im), torch.tensor(ma))


@torch.inference_mode()
def evaluate(net, dataloader, amp):
    net.eval()
    dice_score, vloss = 0, 0
    with torch.autocast('cpu', dtype=torch.bfloat16, enabled=amp):
        for image, mask_true in dataloader:
            mask_pred = net(image).squeeze(1)
            vloss += (F.binary_cross_entropy_with_logits(mask_pred.float(), mask_true) + dice_loss(torch.sigmoid(mask_pred.float()), mask_true)).item()
            dice_score += dice_coeff((torch.sigmoid(mask_pred) > 0.5).float(), mask_true, reduce_batch_first=False)
    net.train()
    return dice_score / max(len(dataloader), 1), vloss / len(dataloader)


def train_model(model, logdir, epochs, batch_size, learning_rate, val_percent=0.2, amp=False, weight_decay=1e-8, momentum=0.9, gradient_clipping=1.0):
    dataset = cars(400, 1)
    n_val = int(len(dataset) * val_percent)
    n_train = len(dataset) - n_val
    train_set, val_set = random_split(dataset, [n_train, n_val], generator=torch.Generator().manual_seed(0))
    train_loader = DataLoader(train_set, shuffle=True, batch_size=batch_size)
    val_loader = DataLoader(val_set, shuffle=False, drop_last=True, batch_size=batch_size)
    optimizer = optim.RMSprop(model.parameters(), lr=learning_rate, weight_decay=weight_decay, momentum=momentum, foreach=True)
    scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, 'max', patience=5)
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer)
    global_step = 0
    for epoch in range(1, epochs + 1):
        model.train()
        epoch_loss = 0
        for images, true_masks in train_loader:
            with torch.autocast('cpu', dtype=torch.bfloat16, enabled=amp):
                masks_pred = model(images).squeeze(1)
                loss = F.binary_cross_entropy_with_logits(masks_pred.float(), true_masks)
                loss += dice_loss(F.sigmoid(masks_pred.float()), true_masks)
            writer.add_loss("train", loss)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), gradient_clipping)
            optimizer.step()
            global_step += 1
            epoch_loss += loss.item()
            division_step = n_train // (2 * batch_size)
            if division_step > 0 and global_step % division_step == 0:
                val_score, vloss = evaluate(model, val_loader, amp)
                scheduler.step(val_score)
                writer.add_loss("val", vloss)
                logging.info('Validation Dice score: {:.4f} loss {:.4f}'.format(val_score, vloss))
        logging.info(f'epoch {epoch} loss (batch) {epoch_loss / len(train_loader):.4f}')
    writer.close()


parser = argparse.ArgumentParser()
parser.add_argument('logdir')
parser.add_argument('--epochs', '-e', type=int, default=10)
parser.add_argument('--batch-size', '-b', dest='batch_size', type=int, default=8)
parser.add_argument('--learning-rate', '-l', type=float, default=3e-4, dest='lr')
parser.add_argument('--amp', action='store_true', default=False)
args = parser.parse_args()
logging.basicConfig(level=logging.INFO, format='%(levelname)s: %(message)s', stream=sys.stdout)
train_model(UNet(3, 1), args.logdir, args.epochs, args.batch_size, args.lr, amp=args.amp)
