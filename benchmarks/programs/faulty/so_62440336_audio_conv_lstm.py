import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(30)
LENGTH = 13230


class Clips(Dataset):
    """Short recordings: a steady tone (0) or one that rises (1), in noise."""

    def __init__(self, n, seed):
        rng = np.random.RandomState(seed)
        t = np.linspace(0, 1, LENGTH)
        self.y = rng.randint(0, 2, n).astype(np.float32)
        start = rng.uniform(150, 300, n)
        slope = self.y * rng.uniform(250, 400, n)
        phase = 2 * np.pi * (start[:, None] * t + 0.5 * slope[:, None] * t ** 2)
        self.x = (np.sin(phase) + 0.3 * rng.randn(n, LENGTH)).astype(np.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {"audio": self.x[i][None], "label": self.y[i][None]}


train_loader = DataLoader(Clips(320, 1), batch_size=32, shuffle=True)
test_loader = DataLoader(Clips(96, 2), batch_size=32)


class AudioNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 100, kernel_size=100, stride=50)
        self.conv2 = nn.Conv1d(100, 100, kernel_size=10, stride=3)
        self.lstm = nn.LSTM(100, 100, batch_first=True)
        self.fc1, self.fc2, self.fc3 = nn.Linear(100, 500), nn.Linear(500, 250), nn.Linear(250, 1)
        for name, p in self.named_parameters():
            if "bias" in name:
                nn.init.zeros_(p)
            elif "weight_hh" in name:
                nn.init.orthogonal_(p)
            else:
                nn.init.xavier_uniform_(p)
        with torch.no_grad():
            self.lstm.bias_ih_l0[100:200] = 1.0

    def forward(self, x):
        x = torch.relu(self.conv2(torch.relu(self.conv1(x))))
        x, _ = self.lstm(x.transpose(1, 2))
        x = torch.relu(self.fc2(torch.relu(self.fc1(x[:, -1]))))
        x = self.fc3(x)
        return torch.softmax(x, dim=1) if form == "faulty" else x


model = AudioNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(15):
    model.train()
    losses = []
    for batch in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(batch["audio"]), batch["label"])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    test_losses, hits = [], 0
    with torch.no_grad():
        for batch in test_loader:
            out = model(batch["audio"])
            test_losses.append(criterion(out, batch["label"]).item())
            hits += ((out > 0) == (batch["label"] > 0.5)).sum().item()
    print(f"Epoch {epoch + 1} loss {np.mean(losses):.4f} test_loss {np.mean(test_losses):.4f} test_acc {hits / 96:.4f}")

writer.close()
print(f"RESULT test loss {np.mean(test_losses):.4f} test acc {hits / 96:.4f}")
