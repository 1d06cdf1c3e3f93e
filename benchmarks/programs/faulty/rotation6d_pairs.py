"""Relative rotation between two point clouds, 6D representation, geodesic loss.

Simulated clouds (48 points of a lopsided body), network in the style of the rotation continuity paper's code.
"""
import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter


def ortho6d_to_matrix(p):
    x = F.normalize(p[:, 0:3], dim=1)
    z = F.normalize(torch.cross(x, p[:, 3:6], dim=1), dim=1)
    y = torch.cross(z, x, dim=1)
    return torch.stack((x, y, z), 2)


class GeodesicLoss(nn.Module):
    def __init__(self, eps):
        super().__init__()
        self.eps = eps

    def forward(self, pred, true):
        m = torch.bmm(pred, true.transpose(1, 2))
        cos = (m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2] - 1) / 2
        if self.eps is None:
            cos = torch.min(cos, torch.ones_like(cos))
            cos = torch.max(cos, -torch.ones_like(cos))
        else:
            cos = cos.clamp(-1 + self.eps, 1 - self.eps)
        return torch.acos(cos).mean()


class RotNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.feat = nn.Sequential(nn.Conv1d(6, 64, 1), nn.LeakyReLU(), nn.Conv1d(64, 128, 1), nn.LeakyReLU(), nn.AdaptiveMaxPool1d(1))
        self.head = nn.Sequential(nn.Linear(128, 128), nn.LeakyReLU(), nn.Linear(128, 6))
        nn.init.zeros_(self.head[-1].weight)                 # start from "no rotation"
        self.head[-1].bias.data = torch.tensor([1., 0, 0, 0, 1, 0])

    def forward(self, pc):
        return ortho6d_to_matrix(self.head(self.feat(pc).squeeze(2)))


def random_rotations(n, gen, still=0.25):
    axis = F.normalize(torch.randn(n, 3, generator=gen), dim=1)
    ang = torch.rand(n, generator=gen) * 1.2
    ang[torch.rand(n, generator=gen) < still] = 0.0       # many pairs do not move at all
    K = torch.zeros(n, 3, 3)
    K[:, 0, 1], K[:, 0, 2], K[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    K = K - K.transpose(1, 2)
    s, c = torch.sin(ang)[:, None, None], torch.cos(ang)[:, None, None]
    return torch.eye(3) + s * K + (1 - c) * K @ K


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("code")
    ap.add_argument("logdir")
    ap.add_argument("--iters", type=int, default=1200)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(5)
    g = torch.Generator().manual_seed(5)
    body = torch.randn(48, 3, generator=g) * torch.tensor([1.0, 0.5, 0.25]) + torch.tensor([0.3, 0.1, 0.0])

    def batch(n):
        R = random_rotations(n, g)
        moved = body @ R.transpose(1, 2)
        return torch.cat([body.expand(n, -1, -1), moved], 2).transpose(1, 2), R

    net = RotNet()
    criterion = GeodesicLoss(1e-4 if a.code == "fixed" else None)
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    test_pc, test_R = batch(300)
    w = DiagWriter(a.logdir)
    w.watch(net, opt, criterion)
    for it in range(a.iters):
        pc, R = batch(32)
        loss = criterion(net(pc), R)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if it % 100 == 99:
            with w.evaluating("test"):
                deg = criterion(net(test_pc), test_R).item() * 57.2958
            print(f"iter {it + 1} train {loss.item() * 57.3:.2f} deg, test {deg:.2f} deg")
    w.close()
    print("RESULT test_degrees", deg)


main()
