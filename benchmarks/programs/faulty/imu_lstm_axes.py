# human activity from windows of an accelerometer (3 axes), LSTM
import sys, math, random
import numpy as np, torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
mode, logdir = sys.argv[1:3]
np.random.seed(3); torch.manual_seed(3)

classes = ['walk', 'run', 'stairs', 'sit', 'bike']
freqs = [1.8, 2.8, 1.4, 0.2, 1.1]
amps = [1.0, 1.3, 1.1, 0.9, 1.0]
def window(c, n=50, fs=25):
    t = np.arange(n) / fs + np.random.rand() * 10
    f = freqs[c] * np.random.uniform(.9, 1.1)
    a = amps[c] * np.random.uniform(.7, 1.3)
    x = np.stack([a * np.sin(2 * np.pi * f * t), a * np.sin(2 * np.pi * f * t + 1) * .7, a * np.cos(4 * np.pi * f * t) * .4], 1)
    return x + .3 * np.random.randn(n, 3)

y = np.random.randint(0, 5, 3000)
X = np.stack([window(c) for c in y]).astype('float32')      # N x 50 x 3
mu, sd = X[:2400].mean((0, 1)), X[:2400].std((0, 1))
X = torch.tensor((X - mu) / sd); y = torch.tensor(y)
train_dl = DataLoader(TensorDataset(X[:2400], y[:2400]), batch_size=32, shuffle=True)
val_dl = DataLoader(TensorDataset(X[2400:], y[2400:]), batch_size=32)

class HARModel(nn.Module):
    def __init__(self, n_features=3, hidden=48, n_classes=5):
        super().__init__()
        if mode == 'fixed':
            self.lstm = nn.LSTM(n_features, hidden, num_layers=1, batch_first=True)
        else:
            self.lstm = nn.LSTM(n_features, hidden, num_layers=1)
        self.fc = nn.Linear(hidden, n_classes)
    def forward(self, x):
        out, (h, c) = self.lstm(x)
        return self.fc(out[:, -1, :])

model = HARModel()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(12):
    run_loss = correct = 0
    for xb, yb in train_dl:
        optimizer.zero_grad()
        out = model(xb)
        loss = criterion(out, yb)
        loss.backward()
        optimizer.step()
        run_loss += loss.item(); correct += (out.argmax(1) == yb).sum().item()
    vc = vl = 0
    with writer.evaluating('val'):
        for xb, yb in val_dl:
            o = model(xb); vl += criterion(o, yb).item()
            vc += (o.argmax(1) == yb).sum().item()
    print('Epoch', epoch, 'loss', round(run_loss / len(train_dl), 4), 'acc', correct / 2400, 'val_loss', round(vl / len(val_dl), 4), 'val_acc', vc / 600)
writer.close()
