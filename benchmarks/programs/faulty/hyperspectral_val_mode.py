# DeepHyperX style: spectral 1-d CNN + dropout on pixels of a hyperspectral scene,
# train() with a val() after every epoch
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
import torch.utils.data as data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(2)
torch.manual_seed(2)
MODE = sys.argv[1]
N_BANDS, N_CLASSES = 60, 9


def make_scene(n):
    wl = np.linspace(0, 1, N_BANDS)
    rng = np.random.RandomState(99)
    proto = []
    for k in range(N_CLASSES):
        base = 0.4 + 0.2 * rng.randn() * wl + 0.1 * rng.randn() * wl ** 2
        for _ in range(3):
            base = base - 0.12 * rng.rand() * np.exp(-((wl - rng.rand()) / 0.05) ** 2)
        proto.append(base)
    proto = np.array(proto)
    proto[1] = 0.8 * proto[0] + 0.2 * proto[1]     # corn-notill / corn-mintill
    proto[4] = 0.75 * proto[3] + 0.25 * proto[4]
    y = np.random.choice(N_CLASSES, n, p=np.array([3, 2, 2, 2, 2, 1, 1, 1, 1]) / 15)
    other = np.random.randint(0, N_CLASSES, n)
    w = np.random.beta(1, 6, n)[:, None]                      # mixed pixels
    x = (1 - w) * proto[y] + w * proto[other]
    x = x * np.random.uniform(0.92, 1.08, (n, 1)) + 0.02 * np.random.randn(n, N_BANDS)
    return x.astype("float32"), y.astype("int64")


class HuEtAl(nn.Module):
    """Deep CNN for hyperspectral image classification, Hu et al. 2015 (with dropout)"""

    def __init__(self, n_bands, n_classes, kernel_size=7, pool_size=3):
        super().__init__()
        self.conv = nn.Conv1d(1, 20, kernel_size)
        self.pool = nn.MaxPool1d(pool_size)
        with torch.no_grad():
            n = self.pool(self.conv(torch.zeros(1, 1, n_bands))).numel()
        self.fc1 = nn.Linear(n, 100)
        self.dropout = nn.Dropout(p=0.5)
        self.fc2 = nn.Linear(100, n_classes)

    def forward(self, x):
        x = torch.relu(self.pool(self.conv(x.unsqueeze(1)))).flatten(1)
        x = self.dropout(x)
        x = torch.relu(self.fc1(x))
        return self.fc2(self.dropout(x))


def val(net, data_loader, criterion):
    accuracy, total, vloss = 0., 0., 0.
    if MODE != "faulty":
        net.eval()
    with torch.no_grad():
        for d, target in data_loader:
            output = net(d)
            vloss += criterion(output, target).item() * len(d)
            accuracy += (output.argmax(1) == target).sum().item()
            total += len(d)
    return accuracy / total, vloss / total


x, y = make_scene(3400)
mean, std = x[:2400].mean(0), x[:2400].std(0)
x = (x - mean) / std
train_loader = data.DataLoader(data.TensorDataset(torch.tensor(x[:2400]), torch.tensor(y[:2400])), batch_size=60, shuffle=True)
val_loader = data.DataLoader(data.TensorDataset(torch.tensor(x[2400:]), torch.tensor(y[2400:])), batch_size=100)
net = HuEtAl(N_BANDS, N_CLASSES)
optimizer = optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-5)
criterion = nn.CrossEntropyLoss()
scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=4)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)

for e in range(1, 14):
    net.train()
    avg_loss = 0.
    for batch, target in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(batch), target)
        loss.backward()
        optimizer.step()
        avg_loss += loss.item()
    avg_loss /= len(train_loader)
    acc, vl = val(net, val_loader, criterion)
    writer.add_loss("val", vl)
    scheduler.step(vl)
    if e % 4 == 1:
        print(f"Train (epoch {e}/13) loss {avg_loss:.3f} val loss {vl:.3f} val acc {acc:.3f}")
writer.close()
print(f"RESULT train={avg_loss:.3f} val={vl:.3f} val_acc={acc:.3f}")
