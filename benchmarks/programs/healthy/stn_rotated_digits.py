"""Spatial Transformer Networks tutorial, on rotated and shifted sklearn digits (28x28)."""
import sys
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)

X, y = load_digits(return_X_y=True)
X = torch.tensor(X, dtype=torch.float32).view(-1, 1, 8, 8) / 16.
y = torch.tensor(y)
perm = torch.randperm(len(X))
X, y = X[perm], y[perm]
X = (X - 0.3) / 0.37


def distort(x):
    n = len(x)
    a = (torch.rand(n) - 0.5) * math.pi / 2
    s = 1.35 + 0.3 * torch.rand(n)
    theta = torch.stack([torch.stack([s * a.cos(), -s * a.sin(), torch.randn(n) * 0.15], 1),
                         torch.stack([s * a.sin(), s * a.cos(), torch.randn(n) * 0.15], 1)], 1)
    g = F.affine_grid(theta, (n, 1, 28, 28), align_corners=False)
    return F.grid_sample(x, g, padding_mode='border', align_corners=False)


train_x, train_y = X[:1400], y[:1400]
test_x, test_y = distort(X[1400:].repeat(3, 1, 1, 1)), y[1400:].repeat(3)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 8, kernel_size=5)
        self.conv2 = nn.Conv2d(8, 16, kernel_size=5)
        self.fc1 = nn.Linear(256, 50)
        self.fc2 = nn.Linear(50, 10)

        # Spatial transformer localization-network
        self.localization = nn.Sequential(
            nn.Conv2d(1, 6, kernel_size=7), nn.MaxPool2d(2, stride=2), nn.ReLU(True),
            nn.Conv2d(6, 8, kernel_size=5), nn.MaxPool2d(2, stride=2), nn.ReLU(True))

        # Regressor for the 3 * 2 affine matrix
        self.fc_loc = nn.Sequential(nn.Linear(8 * 3 * 3, 32), nn.ReLU(True), nn.Linear(32, 3 * 2))

        # Initialize the weights/bias with identity transformation
        self.fc_loc[2].weight.data.zero_()
        self.fc_loc[2].bias.data.copy_(torch.tensor([1, 0, 0, 0, 1, 0], dtype=torch.float))

    def stn(self, x):
        xs = self.localization(x)
        theta = self.fc_loc(xs.flatten(1)).view(-1, 2, 3)
        grid = F.affine_grid(theta, x.size(), align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)

    def forward(self, x):
        x = self.stn(x)
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        x = F.relu(self.fc1(x.flatten(1)))
        return F.log_softmax(self.fc2(x), dim=1)


model = Net()
epochs = 60
lr0 = 0.03
optimizer = optim.SGD(model.parameters(), lr=lr0, momentum=0.9, weight_decay=5e-4)
scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr0, total_steps=epochs * 22)
criterion = nn.NLLLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

for epoch in range(1, epochs + 1):
    model.train()
    idx = torch.randperm(len(train_x))
    total = 0.
    for i in range(0, len(idx), 64):
        b = idx[i:i + 64]
        data, target = distort(train_x[b]), train_y[b]
        optimizer.zero_grad()
        loss = criterion(model(data), target)
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.item() * len(b)
    if epoch % 3 == 0:
        model.eval()
        with torch.no_grad():
            out = model(test_x)
            test_loss = F.nll_loss(out, test_y).item()
            acc = (out.argmax(1) == test_y).float().mean().item()
        print('Train Epoch: {} Loss: {:.4f}\tTest set: Average loss: {:.4f}, Accuracy: {:.1f}%'.format(
            epoch, total / len(idx), test_loss, 100 * acc))
writer.close()
