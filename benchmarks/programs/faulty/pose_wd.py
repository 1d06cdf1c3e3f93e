import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def stick_figures(n, rng):
    """shoulder and hand of an arm as two blobs joined by a line; the target is the (x, y) of both, in units of the image"""
    yy, xx = np.mgrid[0:20, 0:20] / 9.5 - 1
    joints = rng.uniform(-0.8, 0.8, (n, 2, 2))
    imgs = np.zeros((n, 1, 20, 20))
    for k in range(n):
        (x0, y0), (x1, y1) = joints[k]
        imgs[k, 0] += 1.5 * np.exp(-((xx - x0) ** 2 + (yy - y0) ** 2) / 0.03)
        imgs[k, 0] -= 1.5 * np.exp(-((xx - x1) ** 2 + (yy - y1) ** 2) / 0.03)
        for s in np.linspace(0.2, 0.8, 4):
            imgs[k, 0] += 0.3 * np.exp(-((xx - x0 - s * (x1 - x0)) ** 2 + (yy - y0 - s * (y1 - y0)) ** 2) / 0.02)
    imgs += 0.15 * rng.randn(*imgs.shape)
    imgs = (imgs - imgs.mean()) / imgs.std()
    return torch.tensor(imgs, dtype=torch.float32), torch.tensor(joints.reshape(n, 4), dtype=torch.float32)


class JointNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(inplace=True),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(inplace=True))
        self.fc = nn.Sequential(nn.Linear(32 * 25, 128), nn.ReLU(inplace=True), nn.Linear(128, 4))

    def forward(self, x):
        return self.fc(self.conv(x).flatten(1))


SOLVER = {
    "base_lr": 0.12,
    "momentum": 0.9,
    "weight_decay": 0.5 if sys.argv[1] == "faulty" else 0.0005,
    "gamma": 0.2,
    "stepsize": 6,
    "max_epoch": 9,
}

if __name__ == "__main__":
    rng = np.random.RandomState(0)
    torch.manual_seed(0)
    train = DataLoader(TensorDataset(*stick_figures(2000, rng)), batch_size=32, shuffle=True)
    test = DataLoader(TensorDataset(*stick_figures(500, rng)), batch_size=100)
    net = JointNet()
    loss_fn = nn.MSELoss()
    solver = torch.optim.SGD(net.parameters(), lr=SOLVER["base_lr"], momentum=SOLVER["momentum"],
                             weight_decay=SOLVER["weight_decay"])
    step = torch.optim.lr_scheduler.StepLR(solver, SOLVER["stepsize"], SOLVER["gamma"])
    writer = DiagWriter(sys.argv[2])
    writer.watch(net, solver, loss_fn)
    for epoch in range(SOLVER["max_epoch"]):
        net.train()
        acc = 0
        for img, joint in train:
            loss = loss_fn(net(img), joint)
            solver.zero_grad()
            loss.backward()
            solver.step()
            acc += loss.item() / len(train)
        step.step()
        net.eval()
        with torch.no_grad(), writer.evaluating("test"):
            t = sum(loss_fn(net(i), j).item() for i, j in test) / len(test)
        with torch.no_grad():
            spread = net(img).std(0).mean().item()
        print("Iteration %d, train loss = %.5f, test loss = %.5f, spread of the outputs %.4f"
              % ((epoch + 1) * len(train), acc, t, spread))
    writer.close()
