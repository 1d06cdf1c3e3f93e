"""Basic CNN for 28x28 grey garment pictures (FashionMNIST-like), Adam 1e-3, CrossEntropyLoss."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(SEED := 5)


def garments(n, seed):
    """ten outlines: tee, trousers, pullover, dress, coat, sandal, shirt, sneaker, bag, boot; random size, shade, weave, noise"""
    rs = np.random.RandomState(seed)
    yy, xx = np.mgrid[:28, :28]
    X, Y = np.zeros((n, 1, 28, 28), np.float32), rs.randint(0, 10, n)
    for k, c in enumerate(Y):
        s, dx, dy = rs.uniform(0.7, 1.15), rs.uniform(-2.5, 2.5), rs.uniform(-2.5, 2.5)
        x, y = (xx - 13.5 - dx) / s, (yy - 13.5 - dy) / s
        ax = np.abs(x)
        body = (ax < 5.5) & (np.abs(y) < 10)
        if c == 0: m = body | ((ax < 10) & (y > -10) & (y < -4))
        elif c == 1: m = (ax < 5.5) & (np.abs(y) < 12) & ~((ax < 1.2) & (y > -5))
        elif c == 2: m = body | ((ax < 9.5) & (ax > 6) & (y > -9) & (y < 9)) | ((ax < 9) & (y < -6) & (y > -10))
        elif c == 3: m = (ax < 3 + (y + 12) * 0.18) & (np.abs(y) < 12)
        elif c == 4: m = (body | ((ax < 9.5) & (ax > 6) & (y > -9) & (y < 9)) | ((ax < 9) & (y < -6) & (y > -10))) & ~((ax < 0.8))
        elif c == 5: m = ((y > 3) & (y < 5 + x * 0.1) & (ax < 11)) | ((np.abs(x + y * 0.8) < 1.3) & (y > -5) & (y < 4)) | ((np.abs(x - 5) < 1) & (y > -2) & (y < 4))
        elif c == 6: m = body | ((ax < 9.5) & (y > -10 + ax * 0.4) & (y < -1 + ax * 0.3) & (ax > 4))
        elif c == 7: m = (y < 5) & (y > -3 - x * 0.35 * (x < 0)) & (ax < 11) & (y > (x + 2) * 0.35 - 3)
        elif c == 8: m = ((ax < 10) & (y > -4) & (y < 9)) | ((np.abs(np.hypot(x, y + 4) - 5.5) < 1) & (y < -3))
        else: m = ((x > -3) & (x < 4) & (y > -11) & (y < 8)) | ((x > -10) & (x < 4) & (y > 2) & (y < 8))
        shade = rs.uniform(0.25, 0.95) * (1 + 0.15 * np.sin(x * rs.uniform(0.2, 1.5) + rs.uniform(0, 6)) * rs.rand())
        X[k, 0] = np.clip(m * shade + rs.normal(0, 0.3, m.shape), 0, 1)
    return torch.tensor((X - 0.3) / 0.35), torch.tensor(Y)


class FashionMnistClassifier(nn.Module):
    def __init__(self, n_inputs, n_out):
        super().__init__()
        self.cnn1 = nn.Conv2d(n_inputs, out_channels=16, kernel_size=5)
        self.cnn2 = nn.Conv2d(16, out_channels=32, kernel_size=5)
        self.fc1 = nn.Linear(32 * 4 * 4, out_features=64)
        self.fc2 = nn.Linear(64, out_features=n_out)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(kernel_size=2)

    def forward(self, x):
        out = self.relu(self.cnn1(x))
        out = self.pool(out)
        out = self.relu(self.cnn2(out))
        out = self.pool(out)
        out = self.fc1(out.view(out.size(0), -1))
        out = self.relu(out)
        out = self.fc2(out)
        if form == "faulty":
            out = self.relu(out)
        return out


n_batch, n_outputs, LR = 50, 10, 1e-3
Xtr, ytr = garments(3000, 1)
Xte, yte = garments(1000, 2)
train_loader = DataLoader(TensorDataset(Xtr, ytr), batch_size=n_batch, shuffle=True)
test_loader = DataLoader(TensorDataset(Xte, yte), batch_size=200)
model = FashionMnistClassifier(1, n_outputs)
optimizer = optim.Adam(model.parameters(), lr=LR)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(5):
    for i, (images, labels) in enumerate(train_loader):
        optimizer.zero_grad()
        outputs = model(images)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        if i % 30 == 0:
            print(f"epoch {epoch} batch {i} loss {loss.item():.4f}")
    correct = 0
    model.eval()
    with torch.no_grad():
        for images, labels in test_loader:
            outputs = model(images)
            criterion(outputs, labels)
            correct += (outputs.argmax(1) == labels).sum().item()
    model.train()
    print(f"epoch {epoch} accuracy {correct / len(yte):.3f}")
writer.close()
