import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
import numpy as np
from torch.utils.data import DataLoader, TensorDataset, random_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)
np.random.seed(42)

# Heat pump test stand: predict COP from outdoor temp, supply temp, compressor speed, humidity, fan speed, part load
N = 3200
t_out = np.random.uniform(-15, 20, N)
t_sup = np.random.uniform(30, 60, N) - .3 * t_out
rps = np.random.uniform(25, 100, N)
hum = np.clip(70 - t_out + 15 * np.random.randn(N), 20, 100)
fan = np.random.uniform(300, 900, N)
load = np.random.uniform(.2, 1, N)
cop = .42 * (t_sup + 273) / (t_sup - t_out + 6)
cop *= 1 - ((rps - 55) / 75) ** 2
cop *= 1 - .35 * np.exp(-((t_out - 1) / 4) ** 2) * (hum / 100)         # icing around freezing point
cop *= 1 - .5 * (load - .7) ** 2 + .15 * np.sin(fan / 90)
cop += .08 * np.random.randn(N)
X = np.stack([t_out, t_sup, rps, hum, fan, load], 1)
X = (X - X.mean(0)) / X.std(0)
y = (cop - cop.mean()) / cop.std()
ds = TensorDataset(torch.tensor(X).float(), torch.tensor(y).float().unsqueeze(1))
train_ds, val_ds = random_split(ds, [2600, 600])
train_dl = DataLoader(train_ds, batch_size=64, shuffle=True)
val_dl = DataLoader(val_ds, batch_size=600)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(6, 64)
        self.fc2 = nn.Linear(64, 64)
        self.fc3 = nn.Linear(64, 1)

    def forward(self, x):
        if sys.argv[1] == "faulty":
            x = self.fc1(x)
            F.relu(x)
            x = self.fc2(x)
            F.relu(x)
        else:
            x = self.fc1(x)
            x = F.relu(x)
            x = self.fc2(x)
            x = F.relu(x)
        return self.fc3(x)


net = Net()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=8, gamma=0.3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)

for epoch in range(20):
    net.train()
    running_loss = 0.0
    for inputs, targets in train_dl:
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        for inputs, targets in val_dl:
            val_loss = criterion(net(inputs), targets).item()
    scheduler.step()
    print(f"Epoch {epoch + 1}: train {running_loss / len(train_dl):.4f}  val {val_loss:.4f}")

writer.close()
print(f"RESULT val MSE {val_loss:.4f} R2 {1 - val_loss:.4f}")
