# landmark regression; modified dataset code: flip with probability 0.5
import sys, random
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

seed = 8
random.seed(seed); np.random.seed(seed); torch.manual_seed(seed)
torch.set_num_threads(1)
SIZE = 28
# left eye, right eye, nose, left mouth corner, right mouth corner, left ear, right ear
FLIP_PAIRS = {0: 1, 1: 0, 2: 2, 3: 4, 4: 3, 5: 6, 6: 5}


def blob(img, x, y, s, a):
    yy, xx = np.mgrid[:SIZE, :SIZE]
    img += a * np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * s * s))


def render_face():
    cx, cy = np.random.uniform(11, 17), np.random.uniform(11, 17)
    w, rot = np.random.uniform(4, 6), np.random.normal(0, .12)
    yaw = np.random.uniform(-1.2, 1.2)
    base = np.array([[-w * .55, -2.5], [w * .55, -2.5], [yaw, .5], [-w * .45, 4], [w * .45, 4], [-w * 1.3, -1], [w * 1.3, -1]])
    base[:5, 0] += yaw
    R = np.array([[np.cos(rot), -np.sin(rot)], [np.sin(rot), np.cos(rot)]])
    pts = base @ R.T + [cx, cy] + np.random.normal(0, .25, (7, 2))
    img = np.random.normal(0, .12, (SIZE, SIZE))
    yy, xx = np.mgrid[:SIZE, :SIZE]
    img += .6 * ((((xx - cx) / (w * 1.3)) ** 2 + ((yy - cy) / 8) ** 2) < 1)
    for (x, y), s, a in zip(pts, [1, 1, .8, .9, .9, 1.1, 1.1], [-.9, -.9, .5, -.6, -.6, .5, .5]):
        blob(img, x, y, s, a)
    img *= np.random.uniform(.7, 1.3)
    return img.astype(np.float32), pts.astype(np.float32)


def pose_flip(img, pts):
    if random.uniform(0, 1.0) > 0.5:
        return img, pts
    img = img[:, ::-1].copy()
    flipped = pts.copy()
    flipped[:, 0] = SIZE - 1 - flipped[:, 0]
    if sys.argv[1] == "faulty":
        return img, flipped
    # a flipped left eye is a right eye
    return img, flipped[[FLIP_PAIRS[i] for i in range(7)]]


class Faces(Dataset):
    def __init__(self, n, augment):
        self.data = [render_face() for _ in range(n)]
        self.augment = augment

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        img, pts = self.data[i]
        if self.augment:
            img, pts = pose_flip(img, pts)
        return torch.from_numpy(img)[None], torch.from_numpy((pts - 14) / 7).flatten()


class LandmarkNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.conv2 = nn.Conv2d(12, 20, 3, padding=1)
        self.conv3 = nn.Conv2d(20, 24, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(24 * 9, 64)
        self.fc2 = nn.Linear(64, 14)

    def forward(self, x):
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        x = self.pool(torch.relu(self.conv3(x)))
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


train_dl = DataLoader(Faces(1750, True), batch_size=25, shuffle=True)
val_dl = DataLoader(Faces(400, False), batch_size=100)
net = LandmarkNet()
criterion = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
lr_sched = torch.optim.lr_scheduler.MultiStepLR(optimizer, [6], 0.2)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)
for epoch in range(9):
    net.train()
    tl = 0
    for image, target in train_dl:
        optimizer.zero_grad()
        loss = criterion(net(image), target)
        loss.backward()
        optimizer.step()
        tl += loss.item() / len(train_dl)
    lr_sched.step()
    net.eval()
    vl, err = 0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for image, target in val_dl:
            out = net(image)
            vl += criterion(out, target).item() / len(val_dl)
            err += ((out - target).view(-1, 7, 2) * 7).norm(dim=2).mean().item() / len(val_dl)
    print(f"Epoch {epoch}: train {tl:.5f} val {vl:.5f} mean error {err:.2f} px")
writer.close()
print(f"RESULT train_loss={tl:.5f} val_loss={vl:.5f} err_px={err:.3f}")
