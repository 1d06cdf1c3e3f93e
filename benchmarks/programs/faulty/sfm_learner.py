"""Unsupervised depth and ego-motion from image triples (SfmLearner): DispNet + PoseNet trained on photometric error."""
import argparse, sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
parser = argparse.ArgumentParser()
parser.add_argument('--epochs', default=12, type=int)
parser.add_argument('-b', '--batch-size', default=8, type=int)
parser.add_argument('--lr', default=1e-3, type=float)
parser.add_argument('--momentum', default=0.9, type=float)
parser.add_argument('--beta', default=0.999, type=float)
parser.add_argument('--weight-decay', '--wd', default=0.05 if form == "faulty" else 5e-5, type=float)
parser.add_argument('-p', '--photo-loss-weight', type=float, default=1)
parser.add_argument('-s', '--smooth-loss-weight', type=float, default=0.01)
args = parser.parse_args([])
torch.manual_seed(0)
H, W = 24, 32


def downsample_conv(i, o, k=3):
    return nn.Sequential(nn.Conv2d(i, o, kernel_size=k, stride=2, padding=(k - 1) // 2), nn.ReLU(inplace=True),
                         nn.Conv2d(o, o, kernel_size=3, padding=1), nn.ReLU(inplace=True))


class DispNetS(nn.Module):
    def __init__(self, alpha=2.0, beta=0.01):
        super().__init__()
        self.alpha, self.beta = alpha, beta
        self.conv1, self.conv2 = downsample_conv(1, 16, 5), downsample_conv(16, 32)
        self.upconv2 = nn.ConvTranspose2d(32, 16, 4, 2, 1)
        self.iconv2 = nn.Conv2d(32, 16, 3, padding=1)
        self.upconv1 = nn.ConvTranspose2d(16, 8, 4, 2, 1)
        self.iconv1 = nn.Conv2d(9, 8, 3, padding=1)
        self.predict_disp1 = nn.Conv2d(8, 1, 3, padding=1)

    def init_weights(self):
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        c1 = self.conv1(x)
        c2 = self.conv2(c1)
        u2 = F.relu(self.iconv2(torch.cat((F.relu(self.upconv2(c2)), c1), 1)))
        u1 = F.relu(self.iconv1(torch.cat((F.relu(self.upconv1(u2)), x), 1)))
        return self.alpha * torch.sigmoid(self.predict_disp1(u1)) + self.beta


class PoseNet(nn.Module):
    def __init__(self, nb_ref_imgs=2):
        super().__init__()
        self.nb_ref_imgs = nb_ref_imgs
        self.convs = nn.Sequential(downsample_conv(1 + nb_ref_imgs, 16, 5), downsample_conv(16, 32), downsample_conv(32, 48))
        self.pose_pred = nn.Conv2d(48, 2 * nb_ref_imgs, kernel_size=1)

    init_weights = DispNetS.init_weights

    def forward(self, target, refs):
        pose = self.pose_pred(self.convs(torch.cat([target, refs], 1))).mean((2, 3))
        return pose.view(-1, self.nb_ref_imgs, 2)


def inverse_warp(img, disp, pose):
    """shift by pose * disparity, in pixels"""
    b = img.shape[0]
    yy, xx = torch.meshgrid(torch.arange(H).float(), torch.arange(W).float(), indexing="ij")
    x = xx + pose[:, 0, None, None] * disp[:, 0]
    y = yy + pose[:, 1, None, None] * disp[:, 0]
    grid = torch.stack((2 * x / (W - 1) - 1, 2 * y / (H - 1) - 1), -1)
    return F.grid_sample(img, grid, padding_mode="border", align_corners=True)


def photometric_reconstruction_loss(tgt, refs, disp, pose):
    loss = 0
    for i in range(refs.shape[1]):
        warped = inverse_warp(refs[:, i:i + 1], disp, pose[:, i])
        loss = loss + (tgt - warped)[:, :, 2:-2, 2:-2].abs().mean()
    return loss


def smooth_loss(d):
    dx, dy = d[:, :, :, 1:] - d[:, :, :, :-1], d[:, :, 1:] - d[:, :, :-1]
    return dx.abs().mean() + dy.abs().mean()


def texture(rs, n=9):
    f = rs.normal(0, 1, (n, 2)) * 0.45
    return f, rs.uniform(0, 2 * np.pi, n), rs.uniform(0.5, 1, n)


def render(tex, x, y):
    f, p, a = tex
    return (a * np.sin(x[..., None] * f[:, 0] + y[..., None] * f[:, 1] + p)).sum(-1) / 3


def make_sequences(n, seed):
    rs = np.random.RandomState(seed)
    yy, xx = np.mgrid[:H, :W].astype(float)
    out = np.zeros((n, 3, H, W), np.float32)
    for i in range(n):
        bg, fg = texture(rs), texture(rs)
        cx, cy, r = rs.uniform(10, 22), rs.uniform(8, 16), rs.uniform(5, 8)
        move = rs.uniform(-2.5, 2.5, 2)
        for k, s in enumerate((0, -1, 1)):
            ox, oy = s * move
            bx, by, fx, fy = xx - 0.4 * ox, yy - 0.4 * oy, xx - ox, yy - oy
            m = (fx - cx) ** 2 + (fy - cy) ** 2 < r * r
            out[i, k] = np.where(m, 0.8 + render(fg, fx, fy), -0.8 + render(bg, bx, by))
    return torch.tensor(out) * 0.7


train_set, val_set = make_sequences(400, 1), make_sequences(96, 2)
disp_net, pose_exp_net = DispNetS(), PoseNet()
disp_net.init_weights(); pose_exp_net.init_weights()
optim_params = [{'params': disp_net.parameters(), 'lr': args.lr}, {'params': pose_exp_net.parameters(), 'lr': args.lr}]
optimizer = torch.optim.Adam(optim_params, betas=(args.momentum, args.beta), weight_decay=args.weight_decay)
writer = DiagWriter(logdir)
writer.watch(disp_net, optimizer, name="disp")
writer.watch(pose_exp_net, optimizer, name="pose")


def losses(batch):
    tgt, refs = batch[:, :1], batch[:, 1:]
    disp = disp_net(tgt)
    pose = pose_exp_net(tgt, refs)
    return photometric_reconstruction_loss(tgt, refs, disp, pose), smooth_loss(disp)


print("photometric loss without motion: %.4f" % sum((val_set[:, :1] - val_set[:, i:i + 1])[:, :, 2:-2, 2:-2].abs().mean().item() for i in (1, 2)))
for epoch in range(args.epochs):
    disp_net.train(); pose_exp_net.train()
    run = []
    for idx in torch.randperm(len(train_set)).split(args.batch_size):
        loss_1, loss_3 = losses(train_set[idx])
        loss = args.photo_loss_weight * loss_1 + args.smooth_loss_weight * loss_3
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.append((loss.item(), loss_1.item(), loss_3.item()))
    disp_net.eval(); pose_exp_net.eval()
    with torch.no_grad():
        v1, v3 = losses(val_set)
    writer.add_loss("val", (args.photo_loss_weight * v1 + args.smooth_loss_weight * v3).item())
    print("epoch %d: total %.4f photo %.4f smooth %.4f | valid photo %.4f smooth %.4f" % (epoch, *np.mean(run, 0), v1, v3))
writer.close()
