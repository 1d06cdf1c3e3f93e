import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
device = torch.device("cpu")
form, logdir = sys.argv[1:3]


def clothes(n, seed):
    """10 kinds of silhouettes, 16x16, jittered, with fabric texture"""
    r = np.random.RandomState(seed)
    yy, xx = np.mgrid[0:16, 0:16]
    X = np.zeros((n, 1, 16, 16), np.float32)
    y = r.randint(0, 10, n)
    for i, k in enumerate(y):
        cy, cx = 7.5 + r.randint(-2, 3), 7.5 + r.randint(-2, 3)
        a, b = yy - cy, xx - cx
        s = r.uniform(0.85, 1.2)
        body = (abs(a) < 5 * s) & (abs(b) < 2.6 * s)
        sleeve = (abs(b) < 6 * s)
        m = {
            0: body | (sleeve & (abs(a + 3 * s) < 1.6)),                          # shirt
            1: (abs(a) < 5.5 * s) & (abs(abs(b) - 2 * s) < 1.1) | ((abs(b) < 3) & (abs(a + 4 * s) < 1.5)),  # trouser
            2: body | (sleeve & (abs(a - 0.5 * abs(b)) < 1.5)),                   # pullover
            3: (abs(a) < 6 * s) & (abs(b) < 1.2 + 0.35 * (a + 6)),                # dress
            4: body & (abs(b) > 0.8) | (sleeve & (abs(a + 3 * s) < 1.6)),         # coat, open
            5: ((a > 1.5) & (a < 3.5) & (abs(b) < 5 * s)) | ((abs(b - 3) < 0.8) & (abs(a) < 3)),  # sandal
            6: body | (sleeve & (abs(a + 1) < 1.0)),
            7: (a > -1) & (a < 3) & (abs(b) < 5.5 * s) & (b + a < 5),             # sneaker
            8: (a > -1.5) & (a < 4) & (abs(b) < 4 * s) | ((abs(np.hypot(a + 1.5, b) - 3) < 0.9) & (a < 0)),  # bag
            9: ((b > 0) & (b < 3.4) & (abs(a) < 5)) | ((a > 2) & (a < 5) & (b > -4) & (b < 3)),   # boot
        }[k]
        X[i, 0] = m * r.uniform(0.5, 1) + 0.45 * r.randn(16, 16)
    X = (X - 0.2) / 0.55
    return torch.tensor(X), torch.tensor(y)


class FashionClassifier(nn.Module):
    def __init__(self, n_inputs, n_out):
        super().__init__()
        self.cnn1 = nn.Conv2d(n_inputs, out_channels=12, kernel_size=5)
        self.cnn2 = nn.Conv2d(12, out_channels=24, kernel_size=3)
        self.fc1 = nn.Linear(24 * 2 * 2, out_features=100)
        self.fc2 = nn.Linear(100, out_features=n_out)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(kernel_size=2)

    def forward(self, x):
        out = self.pool(self.relu(self.cnn1(x)))
        out = self.pool(self.relu(self.cnn2(out)))
        out = self.fc1(out.view(out.size(0), -1))
        out = self.relu(out)
        out = self.fc2(out)
        if form == "faulty":
            out = self.relu(out)
        return out


torch.manual_seed(8)
Xtr, ytr = clothes(5000, 1)
Xte, yte = clothes(600, 2)
n_batch, LR = 50, 0.003
model = FashionClassifier(1, 10).to(device)
optimizer = optim.Adam(model.parameters(), lr=LR)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(8):
    model.train()
    perm = torch.randperm(len(Xtr))
    epoch_loss = 0
    for i in range(0, len(Xtr), n_batch):
        idx = perm[i:i + n_batch]
        optimizer.zero_grad()
        loss = criterion(model(Xtr[idx]), ytr[idx])
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * n_batch / len(Xtr)
    model.eval()
    with torch.no_grad():
        out = model(Xte)
        test_loss = criterion(out, yte).item()
        acc = (out.argmax(1) == yte).float().mean().item()
    print("epoch: {} loss: {:.4f} test loss: {:.4f} accuracy: {:.3f}".format(epoch, epoch_loss, test_loss, acc))
writer.close()
