import sys
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(8)


class WaterDataset(Dataset):
    """Potability-like lab values: 9 standardised columns, quality score with lab scatter"""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.x = torch.randn(n, 9, generator=g)
        x = self.x
        clean = torch.tanh(1.5 * x[:, 0]) + 0.6 * torch.relu(x[:, 1]) + 0.5 * x[:, 3] - 0.6 * x[:, 4].abs() + 0.3 * x[:, 7]
        self.y = clean + 0.5 * torch.randn(n, generator=g)
        self.y = (self.y - self.y.mean()) / self.y.std()

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


BATCH, EPOCHS = 16, 4
train_ds, val_ds = WaterDataset(1000, 0), WaterDataset(600, 1)
if sys.argv[1] == "fixed":
    train_loader = DataLoader(train_ds, batch_size=BATCH, shuffle=True)
else:
    train_loader = DataLoader(train_ds, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=200)
model = nn.Sequential(nn.Linear(9, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1), nn.Flatten(0))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(EPOCHS):
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        v = [loss_fn(model(x), y).item() for x, y in val_loader]
    print(epoch, sum(v) / len(v))
writer.close()
print(f"RESULT val mse {sum(v) / len(v):.4f}")
