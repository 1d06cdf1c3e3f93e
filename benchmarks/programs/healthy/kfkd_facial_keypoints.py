# "Using convolutional neural nets to detect facial keypoints" (D. Nouri's kfkd tutorial, nolearn/lasagne) in PyTorch:
# targets in [-1, 1], MSE (values like 0.00x), Nesterov momentum going from 0.9 to 0.99 while the rate goes from 0.1 to
# 0.001, flips with exchanged left/right columns. Faces are drawn, 32x32; 8 coordinates (eyes, nose, mouth).
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(42)
torch.manual_seed(42)


def load(n):
    yy, xx = np.mgrid[0:32, 0:32]
    X = np.zeros((n, 1, 32, 32), np.float32)
    y = np.zeros((n, 8), np.float32)
    for i in range(n):
        cx, cy, s, a = np.random.uniform(13, 19), np.random.uniform(13, 19), np.random.uniform(.75, 1.1), np.random.normal(0, .15)
        R = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        pts = np.array([[-4.5, -3], [4.5, -3], [np.random.normal(0, .8), 1.2], [np.random.normal(0, .5), 5.5]]) * s + np.random.normal(0, .35, (4, 2))
        pts = pts @ R.T + [cx, cy]
        q = np.stack([xx - cx, yy - cy], -1) @ R
        img = np.random.uniform(.1, .6) + np.random.uniform(.1, .4) * ((q[..., 0] / (9 * s)) ** 2 + (q[..., 1] / (11 * s)) ** 2 < 1)
        img = img + np.random.normal(0, .02) * (xx - 16) / 4                       # light from the side
        for k, (w, d) in enumerate([(1.5, .35), (1.5, .35), (1.1, .15), (2.2, .25)]):
            img = img - d * np.random.uniform(.6, 1.1) * np.exp(-((xx - pts[k, 0]) / w) ** 2 - ((yy - pts[k, 1]) / 1.1) ** 2)
        X[i, 0] = np.clip(img + np.random.normal(0, .05, img.shape), 0, 1)
        y[i] = ((pts + np.random.normal(0, .4, pts.shape)) - 16).ravel() / 16      # annotators aren't exact
    X = (X - X.mean()) / X.std()
    return torch.from_numpy(X), torch.from_numpy(y)


class AdjustVariable:
    def __init__(self, optimizer, name, start, stop, max_epochs):
        self.optimizer, self.name = optimizer, name
        self.ls = np.linspace(start, stop, max_epochs)

    def __call__(self, epoch):
        for g in self.optimizer.param_groups:
            g[self.name] = float(self.ls[epoch])


class FlipBatch:
    flip_indices = [(0, 2), (1, 3)]                # left and right eye

    def __call__(self, Xb, yb):
        Xb, yb = Xb.clone(), yb.clone()
        idx = torch.randperm(len(Xb))[:len(Xb) // 2]
        Xb[idx] = Xb[idx].flip(3)
        yb[idx, ::2] *= -1
        for a, b in self.flip_indices:
            t = yb[idx, a].clone()
            yb[idx, a] = yb[idx, b]
            yb[idx, b] = t
        return Xb, yb


net = nn.Sequential(
    nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 24, 2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(24 * 3 * 3, 64), nn.ReLU(), nn.Linear(64, 8))

X, y = load(2400)
X_train, y_train, X_valid, y_valid = X[:1920], y[:1920], X[1920:], y[1920:]
max_epochs = 20
lr_start, lr_stop = 0.1, 0.001
optimizer = torch.optim.SGD(net.parameters(), lr=lr_start, momentum=0.9, nesterov=True)
on_epoch_finished = [AdjustVariable(optimizer, 'lr', lr_start, lr_stop, max_epochs),
                     AdjustVariable(optimizer, 'momentum', 0.9, 0.99, max_epochs)]
objective = nn.MSELoss()
flip = FlipBatch()
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, objective)
print(" epoch  train loss  valid loss  train/val")
for epoch in range(max_epochs):
    for adjust in on_epoch_finished:
        adjust(epoch)
    train_losses = []
    for i in torch.randperm(len(X_train)).split(32):
        Xb, yb = flip(X_train[i], y_train[i])
        optimizer.zero_grad()
        loss = objective(net(Xb), yb)
        loss.backward()
        optimizer.step()
        train_losses.append(loss.item())
    with writer.evaluating("val"), torch.no_grad():
        valid = objective(net(X_valid), y_valid).item()
    if epoch % 3 == 2:
        print(f"{epoch + 1:6d}  {np.mean(train_losses):10.6f}  {valid:10.6f}  {np.mean(train_losses) / valid:9.3f}")
writer.close()
print(f"RESULT train {np.mean(train_losses):.6f} val {valid:.6f} rmse in pixels {np.sqrt(valid) * 16:.3f} "
      f"(annotation noise .4) mean predictor {y_valid.var(0).mean():.6f}")
