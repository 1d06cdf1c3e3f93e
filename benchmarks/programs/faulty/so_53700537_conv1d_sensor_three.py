import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(42)


class SensorSet(Dataset):
    """Recordings of 1000 points: a slow, a middle or a fast oscillation under noise."""

    def __init__(self, n, seed):
        rng = np.random.RandomState(seed)
        t = np.arange(1000)
        self.y = rng.randint(0, 3, n)
        period = np.array([60.0, 30.0, 15.0])[self.y] * (1 + 0.15 * rng.randn(n))
        phase = rng.rand(n) * 2 * np.pi
        self.x = np.sin(2 * np.pi * t / period[:, None] + phase[:, None]) + 0.7 * rng.randn(n, 1000)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return torch.tensor(self.x[i], dtype=torch.float32).unsqueeze(0), int(self.y[i])


train_loader = DataLoader(SensorSet(1000, 42), batch_size=32, shuffle=True)
val_loader = DataLoader(SensorSet(300, 43), batch_size=100)


class SensorCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 20, 20), nn.ReLU(), nn.MaxPool1d(3),
            nn.Conv1d(20, 20, 10), nn.ReLU(), nn.MaxPool1d(3),
            nn.Conv1d(20, 20, 10), nn.ReLU(),
        )
        self.dense = nn.Linear(20, 3, bias=False)
        for m in self.modules():
            if isinstance(m, (nn.Conv1d, nn.Linear)):
                nn.init.xavier_uniform_(m.weight)
                if m.bias is not None:
                    nn.init.zeros_(m.bias)

    def forward(self, x):
        x = self.dense(self.features(x).mean(dim=2))
        return torch.relu(x) if form == "faulty" else torch.softmax(x, dim=1)


def categorical_crossentropy(output, target):
    output = output / output.sum(dim=1, keepdim=True).clamp_min(1e-7)
    output = output.clamp(1e-7, 1 - 1e-7)
    return -torch.log(output.gather(1, target.unsqueeze(1))).mean()


model = SensorCNN()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, categorical_crossentropy, train_loader=train_loader)

for epoch in range(12):
    model.train()
    hits, losses = 0, []
    for x, y in train_loader:
        optimizer.zero_grad()
        out = model(x)
        loss = categorical_crossentropy(out, y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        hits += (out.argmax(1) == y).sum().item()
    val_losses, val_hits = [], 0
    with writer.evaluating("val"):
        for x, y in val_loader:
            out = model(x)
            val_losses.append(writer.loss_fn(out, y).item())
            val_hits += (out.argmax(1) == y).sum().item()
    print(f"epoch {epoch + 1} loss {np.mean(losses):.4f} acc {hits / 1000:.3f} val_loss {np.mean(val_losses):.4f} val_acc {val_hits / 300:.3f}")

writer.close()
print(f"RESULT val loss {np.mean(val_losses):.4f} val acc {val_hits / 300:.3f}")
