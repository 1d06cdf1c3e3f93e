"""M5 network on raw audio commands (PyTorch tutorial: speech command classification with torchaudio)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
labels = ['down', 'go', 'left', 'no', 'right', 'stop', 'up', 'yes']
# (formant 1, formant 2, noise) of the successive sounds of a word, in Hz
SOUNDS = {'down': [(0, 0, .3), (750, 1200, 0), (400, 800, 0), (250, 1300, 0)], 'go': [(250, 900, .1), (500, 900, 0), (380, 750, 0)],
          'left': [(350, 1300, 0), (550, 1700, 0), (0, 0, .5), (0, 0, .2)], 'no': [(250, 1350, 0), (520, 900, 0), (380, 750, 0)],
          'right': [(350, 1000, 0), (750, 1200, 0), (380, 1800, 0), (0, 0, .3)], 'stop': [(0, 0, .7), (0, 0, .1), (680, 1050, 0), (0, 0, .2)],
          'up': [(640, 1250, 0), (600, 1150, 0), (0, 0, .05), (0, 0, .3)], 'yes': [(280, 1900, 0), (530, 1750, 0), (0, 0, .8), (0, 0, .5)]}
RATE, LEN = 4000, 2000


def utterance(word, rng):
    pitch, tract, amp = rng.uniform(90, 240), rng.uniform(0.88, 1.12), rng.uniform(0.3, 1)
    segs = SOUNDS[word]
    n = int(LEN * rng.uniform(0.55, 0.85))
    t = np.arange(n)
    pos = np.linspace(0, len(segs) - 1e-6, n)
    k = pos.astype(int)
    f = np.array(segs)[k]
    f = np.stack([np.convolve(f[:, j], np.ones(150) / 150, 'same') for j in range(3)], 1)
    y = np.zeros(n)
    drift = 1 + 0.05 * np.sin(2 * np.pi * t / n * rng.uniform(0.5, 2))
    phase = 2 * np.pi * np.cumsum(pitch * drift) / RATE
    for h in range(1, int(1900 / pitch) + 1):
        g = sum(np.exp(-((h * pitch - f[:, j] * tract) / 160) ** 2) for j in (0, 1))
        y += g * np.sin(h * phase)
    y = y * np.clip(f[:, 0] / 250, 0, 1) + f[:, 2] * rng.normal(0, 1, n)
    out = rng.normal(0, 0.02, LEN)
    s = rng.integers(0, LEN - n)
    out[s:s + n] += y * amp / (np.abs(y).max() + 1e-6)
    return out


def subset(n, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(labels), n)
    x = np.stack([utterance(labels[c], rng) for c in y]).astype(np.float32)
    return torch.utils.data.TensorDataset(torch.tensor(x)[:, None], torch.tensor(y))


train_loader = torch.utils.data.DataLoader(subset(2560, 1), batch_size=64, shuffle=True)
test_loader = torch.utils.data.DataLoader(subset(480, 2), batch_size=96, shuffle=False)


class M5(nn.Module):
    def __init__(self, n_input=1, n_output=35, stride=8, n_channel=24):
        super().__init__()
        self.conv1 = nn.Conv1d(n_input, n_channel, kernel_size=80, stride=stride)
        self.bn1 = nn.BatchNorm1d(n_channel)
        self.pool1 = nn.MaxPool1d(2)
        self.conv2 = nn.Conv1d(n_channel, n_channel, kernel_size=3)
        self.bn2 = nn.BatchNorm1d(n_channel)
        self.pool2 = nn.MaxPool1d(2)
        self.conv3 = nn.Conv1d(n_channel, 2 * n_channel, kernel_size=3)
        self.bn3 = nn.BatchNorm1d(2 * n_channel)
        self.pool3 = nn.MaxPool1d(2)
        self.conv4 = nn.Conv1d(2 * n_channel, 2 * n_channel, kernel_size=3)
        self.bn4 = nn.BatchNorm1d(2 * n_channel)
        self.pool4 = nn.MaxPool1d(2)
        self.fc1 = nn.Linear(2 * n_channel, n_output)

    def forward(self, x):
        x = self.pool1(F.relu(self.bn1(self.conv1(x))))
        x = self.pool2(F.relu(self.bn2(self.conv2(x))))
        x = self.pool3(F.relu(self.bn3(self.conv3(x))))
        x = self.pool4(F.relu(self.bn4(self.conv4(x))))
        x = F.avg_pool1d(x, x.shape[-1])
        x = x.permute(0, 2, 1)
        x = self.fc1(x)
        return F.log_softmax(x, dim=2)


model = M5(n_input=1, n_output=len(labels))
optimizer = optim.Adam(model.parameters(), lr=0.01, weight_decay=0.0001)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=6, gamma=0.1)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)


def train(model, epoch):
    model.train()
    total = 0
    for batch_idx, (data, target) in enumerate(train_loader):
        output = model(data)
        # negative log-likelihood for a tensor of size (batch x 1 x n_output)
        loss = F.nll_loss(output.squeeze(1), target)
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(train_loader)


def test(model, epoch):
    model.eval()
    correct = tl = 0
    with torch.no_grad():
        for data, target in test_loader:
            output = model(data).squeeze(1)
            tl += F.nll_loss(output, target, reduction='sum').item()
            correct += (output.argmax(-1) == target).sum().item()
    return tl / len(test_loader.dataset), 100. * correct / len(test_loader.dataset)


for epoch in range(1, 10):
    tr = train(model, epoch)
    tl, acc = test(model, epoch)
    writer.add_loss("val", tl)
    print(f"Train Epoch: {epoch} Loss: {tr:.4f} Test loss {tl:.4f} accuracy {acc:.1f}%")
    scheduler.step()
writer.close()
