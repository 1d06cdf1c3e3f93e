# Why does binary accuracy stay where it is?  Conv1D on windows of 10 steps with 4 channels (open/high/low/close returns),
# BatchNorm, LeakyReLU, and Dense(1) + softmax + binary_crossentropy at the end.
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

fault = sys.argv[1] == "faulty"
torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)


def make_windows(n):
    # four correlated series; the sign of the next step follows a (noisy) pattern within the last 10
    w = np.random.randn(n, 10, 1) * .8 + np.random.randn(n, 10, 4) * .6
    w = np.cumsum(w * .35, axis=1) + np.random.randn(n, 10, 4) * .5
    slope = w[:, -3:, :2].mean((1, 2)) - w[:, :3, :2].mean((1, 2))
    spread = (w[:, -1, 1] - w[:, -1, 2])
    z = 1.5 * slope - 1.6 * spread + .8 * np.sin(2 * w[:, 4, 3])
    y = (np.random.rand(n) < 1 / (1 + np.exp(-2 * z))).astype("float32")
    return torch.tensor(w, dtype=torch.float32).transpose(1, 2), torch.tensor(y)[:, None]


X_train, y_train = make_windows(8000)
X_test, y_test = make_windows(2000)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(4, 16, 4, padding="same")
        self.bn1 = nn.BatchNorm1d(16)
        self.conv2 = nn.Conv1d(16, 8, 4, padding="same")
        self.bn2 = nn.BatchNorm1d(8)
        self.fc1 = nn.Linear(80, 64)
        self.bn3 = nn.BatchNorm1d(64)
        self.out = nn.Linear(64, 1)
        self.drop = nn.Dropout(0.2)

    def forward(self, x):
        x = self.drop(F.leaky_relu(self.bn1(self.conv1(x)), 0.3))
        x = self.drop(F.leaky_relu(self.bn2(self.conv2(x)), 0.3))
        x = F.leaky_relu(self.bn3(self.fc1(x.flatten(1))), 0.3)
        x = self.out(x)
        return torch.softmax(x, dim=1) if fault else torch.sigmoid(x)


net = Net()
bce = nn.BCELoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
reduce_lr = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, mode="max", factor=0.9, patience=30, min_lr=1e-6)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, bce)

for epoch in range(25):
    net.train()
    for idx in torch.randperm(len(X_train)).split(128):
        opt.zero_grad()
        loss = bce(net(X_train[idx]), y_train[idx])
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            y_pred = net(X_test)
            val_loss = bce(y_pred, y_test).item()
        val_acc = ((y_pred > .5).float() == y_test).float().mean().item()
    reduce_lr.step(val_acc)
    if epoch % 5 == 4:
        print(epoch + 1, "loss", round(loss.item(), 4), "val_loss", round(val_loss, 4), "val_acc", round(val_acc, 4))
writer.close()
print(f"RESULT val_loss {val_loss:.4f} val_acc {val_acc:.4f}")
