import argparse, math
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument('mode', choices=['faulty', 'fixed'])
ap.add_argument('logdir')
args = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(5)
rs = np.random.RandomState(5)
H, W = 18, 30


def render(n):
    """rendered eyes, gaze (pitch, yaw) relative to camera, head pose (pitch, yaw)"""
    head = rs.uniform(-0.5, 0.5, (n, 2))
    eye = rs.uniform(-0.45, 0.45, (n, 2))
    gaze = head + eye + rs.randn(n, 2) * .05
    yy, xx = np.mgrid[0:H, 0:W].astype('float32')
    imgs = np.zeros((n, 1, H, W), 'float32')
    for i in range(n):
        cy = 9 - 9 * math.sin(eye[i, 0]) + rs.randn() * .25
        cx = 15 + 17 * math.sin(eye[i, 1]) + rs.randn() * .25
        lid = rs.uniform(3.5, 6.5) - 2 * head[i, 0]
        op = ((xx - 15) / 13) ** 2 + ((yy - 9) / max(lid, 2.)) ** 2
        r = np.hypot(xx - cx, yy - cy)
        skin = rs.uniform(.45, .8)
        im = np.where(op < 1, rs.uniform(.8, 1.), skin)
        im = np.where((r < 4.2) & (op < 1), rs.uniform(.25, .5), im)
        im = np.where((r < 1.8) & (op < 1), .05, im)
        im = im + .15 * head[i, 1] * (xx - 15) / 15 + rs.randn(H, W) * .05
        imgs[i, 0] = im
    return torch.from_numpy(imgs), torch.from_numpy(head.astype('float32')), torch.from_numpy(gaze.astype('float32'))


class GazeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 12, 3)
        self.c2 = nn.Conv2d(12, 24, 3)
        self.d1 = nn.Linear(24 * 3 * 6, 96)
        self.out = nn.Linear(96 + 2, 2)

    def forward(self, img, head):
        x = F.max_pool2d(F.relu(self.c1(img)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        x = F.relu(self.d1(x.flatten(1)))
        return self.out(torch.cat([x, head], 1))


img, head, gaze = render(5000)
img = (img - img[:4000].mean()) / img[:4000].std()
tr, va = slice(0, 4000), slice(4000, 5000)
net = GazeNet()
optimizer = torch.optim.Adam(net.parameters(), lr=1.5e-3)
mse = nn.MSELoss()
BATCH = 1000 if args.mode == 'faulty' else 32
writer = DiagWriter(args.logdir)
writer.watch(net, optimizer, mse)


def angle(a, b):
    v = lambda t: torch.stack([torch.cos(t[:, 0]) * torch.sin(t[:, 1]), torch.sin(t[:, 0]), torch.cos(t[:, 0]) * torch.cos(t[:, 1])], 1)
    return torch.rad2deg(torch.acos((v(a) * v(b)).sum(1).clamp(-1, 1))).mean().item()


for epoch in range(15):
    net.train()
    perm = torch.randperm(4000)
    s = 0
    for j in range(0, 4000, BATCH):
        b = perm[j:j + BATCH]
        loss = mse(net(img[b], head[b]), gaze[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s += loss.item() * len(b) / 4000
    with writer.evaluating('val'):
        p = net(img[va], head[va])
        vl = mse(p, gaze[va]).item()
    print('epoch', epoch, 'loss %.5f val %.5f angular error %.2f deg' % (s, vl, angle(p, gaze[va])))
writer.close()
