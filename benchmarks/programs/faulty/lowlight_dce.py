"""Zero-reference low-light enhancement: curve-estimation net with exposure, colour-constancy and smoothness losses."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)


class enhance_net(nn.Module):
    def __init__(self, f=12, n_iter=4):
        super().__init__()
        self.n_iter = n_iter
        self.relu = nn.ReLU(inplace=True)
        self.e_conv1 = nn.Conv2d(3, f, 3, 1, 1)
        self.e_conv2 = nn.Conv2d(f, f, 3, 1, 1)
        self.e_conv3 = nn.Conv2d(f, f, 3, 1, 1)
        self.e_conv4 = nn.Conv2d(2 * f, 3, 3, 1, 1)

    def forward(self, x):
        x1 = self.relu(self.e_conv1(x))
        x2 = self.relu(self.e_conv2(x1))
        x3 = self.relu(self.e_conv3(x2))
        r = torch.tanh(self.e_conv4(torch.cat([x1, x3], 1)))
        for _ in range(self.n_iter):
            x = x + r * (x.pow(2) - x) * -1
        return x, r


class L_color(nn.Module):
    def forward(self, x):
        mean_rgb = torch.mean(x, [2, 3])
        mr, mg, mb = mean_rgb[:, 0], mean_rgb[:, 1], mean_rgb[:, 2]
        Drg, Drb, Dgb = torch.pow(mr - mg, 2), torch.pow(mr - mb, 2), torch.pow(mb - mg, 2)
        k = torch.pow(Drg, 2) + torch.pow(Drb, 2) + torch.pow(Dgb, 2)
        if form == "fixed":
            k = k + 1e-5
        return torch.pow(k, 0.5)


class L_exp(nn.Module):
    def __init__(self, patch_size, mean_val):
        super().__init__()
        self.pool = nn.AvgPool2d(patch_size)
        self.mean_val = mean_val

    def forward(self, x):
        return torch.mean(torch.pow(self.pool(x.mean(1, keepdim=True)) - self.mean_val, 2))


class L_TV(nn.Module):
    def forward(self, r):
        return (r[:, :, 1:] - r[:, :, :-1]).pow(2).mean() + (r[:, :, :, 1:] - r[:, :, :, :-1]).pow(2).mean()


def night_frames(n=240, s=24, seed=0):
    """frames of a dash cam at dusk; a few were taken with the lens covered and are pure black"""
    rng = np.random.RandomState(seed)
    frames = []
    for i in range(n):
        small = rng.rand(3, 4, 4)
        img = np.kron(small, np.ones((6, 6))) * rng.uniform(0.08, 0.35)
        img = img * np.array(rng.uniform(0.7, 1.0, (3, 1, 1)))
        img = np.clip(img + 0.01 * rng.randn(*img.shape), 0, 1)
        if i % 80 == 57:
            img = np.zeros((3, s, s))
        frames.append(torch.tensor(np.round(img * 255) / 255).float())
    return frames


loader = DataLoader(night_frames(), batch_size=8, shuffle=True)
val = torch.stack([f for f in night_frames(48, seed=1) if f.max() > 0])
DCE_net = enhance_net()
L_c, L_e, L_t = L_color(), L_exp(6, 0.6), L_TV()
optimizer = torch.optim.Adam(DCE_net.parameters(), lr=1e-3, weight_decay=1e-4)
writer = DiagWriter(logdir)
writer.watch(DCE_net, optimizer)

for epoch in range(15):
    DCE_net.train()
    total = 0
    for img_lowlight in loader:
        enhanced, A = DCE_net(img_lowlight)
        loss = 10 * L_e(enhanced) + 5 * torch.mean(L_c(enhanced)) + 20 * L_t(A)
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(DCE_net.parameters(), 0.1)
        optimizer.step()
        total += loss.item()
    if epoch % 3 == 2:
        with torch.no_grad():
            out, _ = DCE_net(val)
        print("epoch", epoch + 1, "loss", round(total / len(loader), 4), "val brightness", round(out.mean().item(), 3), "(input", round(val.mean().item(), 3), ")")
writer.close()
