"""Animal call classifier on small spectrograms, everything kept in RAM."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.RandomState(3)

N_MELS, N_FRAMES = 24, 32
SPECIES = ["chiffchaff", "wren", "robin", "tit", "finch", "nuthatch"]


def synth_call(k):
    t = np.linspace(0, 1, N_FRAMES)
    f0 = 5 + 2.2 * k + rng.randn() * 1.0
    sweep = [4, -4, 0, 6, -6, 0][k] * (t - 0.5) * (0.7 + 0.6 * rng.rand())
    vib = (1.8 if k in (2, 5) else 0.3) * np.sin(2 * np.pi * (3 + rng.rand()) * t + 6 * rng.rand())
    centre = f0 + sweep + vib
    env = np.exp(-((t - 0.5 - 0.12 * rng.randn()) / (0.15 + 0.15 * rng.rand())) ** 2)
    mel = np.arange(N_MELS)[:, None]
    s = env[None] * np.exp(-((mel - centre[None]) / 1.3) ** 2) * (1.0 + 1.2 * rng.rand())
    s = s + 0.5 * np.abs(rng.randn(N_MELS, N_FRAMES)) ** 1.5 * np.exp(-mel / 20)
    return (20 * np.log10(s + 1e-3)).astype(np.float32)      # dB


class ToTensor:
    def __call__(self, a):
        return torch.from_numpy(a).unsqueeze(0)


class Normalize:
    """mean/std in dB over the training recordings"""

    def __init__(self, mean, std):
        self.mean, self.std = mean, std

    def __call__(self, tensor):
        if mode == "faulty":
            return tensor.sub_(self.mean).div_(self.std)
        return tensor.sub(self.mean).div(self.std)


class Compose:
    def __init__(self, ts):
        self.ts = ts

    def __call__(self, x):
        for t in self.ts:
            x = t(x)
        return x


class CallDataset(Dataset):
    def __init__(self, specs, labels, transform=None):
        self.specs, self.labels, self.transform = specs, labels, transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        x = self.specs[i]
        if self.transform:
            x = self.transform(x)
        return x, int(self.labels[i])


class CallNet(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc1 = nn.Linear(16 * 6 * 8, 32)
        self.fc2 = nn.Linear(32, n)
        self.drop = nn.Dropout(0.4)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = self.drop(F.relu(self.fc1(x.flatten(1))))
        return self.fc2(x)


labels = rng.randint(0, len(SPECIES), 3000)
specs = [synth_call(k) for k in labels]
n_tr = 2400
mean, std = float(np.mean(specs[:n_tr])), float(np.std(specs[:n_tr]))
print("dB mean %.2f std %.2f" % (mean, std))
tf = Compose([ToTensor(), Normalize(mean, std)])
train_loader = DataLoader(CallDataset(specs[:n_tr], labels[:n_tr], tf), batch_size=32, shuffle=True)
val_loader = DataLoader(CallDataset(specs[n_tr:], labels[n_tr:], tf), batch_size=200)

net = CallNet(len(SPECIES))
optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 14)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(net, optimizer, criterion)

for epoch in range(14):
    net.train()
    tot = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        tot += loss.item()
    scheduler.step()
    net.eval()
    vl = correct = n = 0
    with torch.no_grad(), writer.evaluating("val"):
        for x, y in val_loader:
            out = net(x)
            vl += criterion(out, y).item() * len(y)
            correct += (out.argmax(1) == y).sum().item()
            n += len(y)
    print(f"epoch {epoch}: train {tot / len(train_loader):.3f} val {vl / n:.3f} acc {correct / n:.3f}")
writer.close()
print(f"RESULT val_loss={vl / n:.4f} val_acc={correct / n:.4f} train={tot / len(train_loader):.4f}")
