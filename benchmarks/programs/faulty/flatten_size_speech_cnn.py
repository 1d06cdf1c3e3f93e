"""Word recognition from small spectrograms (simulated: 6 words as formant tracks + noise). Flatten size worked out on the fly."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

variant, run_dir = sys.argv[1:3]
torch.manual_seed(21)
torch.set_num_threads(1)


def fake_words(n):
    y = torch.randint(0, 6, (n,))
    t = torch.linspace(0, 1, 24)
    f = torch.arange(20).float()[:, None]
    start, end = torch.tensor([3., 3., 8., 14., 14., 10.]), torch.tensor([12., 5., 14., 3., 15., 6.])
    X = torch.empty(n, 1, 20, 24)
    for i in range(n):
        k = y[i]
        track = start[k] + (end[k] - start[k]) * (t + 0.1 * torch.randn(1)).clamp(0, 1) + torch.randn(1)
        X[i, 0] = torch.exp(-((f - track) ** 2) / 3) * (0.6 + 0.5 * torch.rand(1)) + 0.35 * torch.randn(20, 24)
    return X, y


class WordNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3)
        self.conv2 = nn.Conv2d(12, 24, 3)
        self.drop = nn.Dropout(0.25)
        if variant == "fixed":
            self.fc1 = nn.Linear(24 * 3 * 4, 64)
            self.fc2 = nn.Linear(64, 6)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(x.size(0), -1)
        if variant == "fixed":
            return self.fc2(self.drop(F.relu(self.fc1(x))))
        fc1 = nn.Linear(x.size(1), 64)
        fc2 = nn.Linear(64, 6)
        return fc2(self.drop(F.relu(fc1(x))))


train = DataLoader(TensorDataset(*fake_words(1500)), batch_size=32, shuffle=True)
valid = DataLoader(TensorDataset(*fake_words(400)), batch_size=100)
net = WordNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
writer = DiagWriter(run_dir)
writer.watch(net, optimizer, criterion)
for epoch in range(1, 13):
    net.train()
    running = 0.0
    for xb, yb in train:
        optimizer.zero_grad()
        loss = criterion(net(xb), yb)
        loss.backward()
        optimizer.step()
        running += loss.item()
    good = 0
    with writer.evaluating("val"):
        for xb, yb in valid:
            out = net(xb)
            criterion(out, yb)
            good += (out.argmax(1) == yb).sum().item()
    writer.add_scalar("Acc/val", good / 400, epoch)
    print(f"[{epoch:2d}] loss {running / len(train):.3f} val acc {good / 400:.3f}")
writer.close()
print("RESULT val_accuracy", good / 400)
