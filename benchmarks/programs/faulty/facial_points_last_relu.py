"""Facial key points (course project): a small CNN, key points scaled to [-1, 1]."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(30)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 12, 5, padding=2)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(24 * 7 * 7, 96)
        self.fc1_drop = nn.Dropout(p=0.1)
        self.fc2 = nn.Linear(96, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(x.size(0), -1)
        x = self.fc1_drop(F.relu(self.fc1(x)))
        if sys.argv[1] == "faulty":
            x = F.relu(self.fc2(x))
        else:
            x = self.fc2(x)
        return x


def faces(n, seed):
    """28 x 28 sketches: two eyes, nose, two corners of the mouth"""
    r = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:28, 0:28]
    imgs, pts = [], []
    for _ in range(n):
        cx, cy, s, a = r.normal(14, 2), r.normal(14, 2), r.uniform(.8, 1.2), r.normal(0, .2)
        base = np.array([[-4, -3.5], [4, -3.5], [0, 1], [-3, 5.5], [3, 5.5]]) * s + r.normal(0, .4, (5, 2))
        p = base @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + [cx, cy]
        im = 0.7 / (1 + np.exp((np.hypot((xx - cx) / 8, (yy - cy) / 10.5) - s) * 6))
        for k, (x, y) in enumerate(p):
            im -= [.5, .5, .3, .4, .4][k] * np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / [3, 3, 1.5, 2, 2][k])
        imgs.append(im + .06 * r.normal(size=im.shape)); pts.append(((p - 14) / 9).ravel())
    im = torch.tensor(np.array(imgs)).float().unsqueeze(1)
    return (im - 0.3) / 0.3, torch.tensor(np.array(pts)).float()


train_x, train_y = faces(1600, 0)
test_x, test_y = faces(400, 1)
net = Net()
criterion = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)
for epoch in range(15):
    net.train()
    running_loss = 0.0
    for idx in torch.randperm(1600).split(32):
        optimizer.zero_grad()
        loss = criterion(net(train_x[idx]), train_y[idx])
        loss.backward()
        optimizer.step()
        running_loss += loss.item() / 50
    net.eval()
    with writer.evaluating("test"):
        t = criterion(net(test_x), test_y).item()
    print(f"Epoch: {epoch + 1}, Avg. Loss: {running_loss:.4f}, test {t:.4f}")
writer.close()
print(f"RESULT test loss {t:.5f}")
