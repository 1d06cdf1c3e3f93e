import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)

SIDE = 106  # the 424 x 424 frames, every fourth pixel
grid_y, grid_x = np.mgrid[-1:1:SIDE * 1j, -1:1:SIDE * 1j]


def depth_frame(px, py, pz):
    blob = np.exp(-((grid_x - px) ** 2 + (grid_y - py) ** 2) / (0.18 - 0.08 * pz))
    return -blob * (1.2 - 0.6 * pz) + 0.02 * rng.standard_normal((SIDE, SIDE))


positions = rng.uniform(-0.8, 0.8, (900, 3))
frames = np.stack([depth_frame(*p).ravel() for p in positions]).astype(np.float32)
frames -= frames[:720].mean(0)
frames = torch.tensor(frames)
positions = torch.tensor(positions, dtype=torch.float32)
train_loader = DataLoader(TensorDataset(frames[:720], positions[:720]), batch_size=32, shuffle=True)
x_val, y_val = frames[720:], positions[720:]


class PositionNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.d1 = nn.Linear(SIDE * SIDE, 32)
        self.d2 = nn.Linear(32, 3)
        for d in (self.d1, self.d2):
            nn.init.xavier_uniform_(d.weight)
            nn.init.zeros_(d.bias)

    def forward(self, x):
        x = torch.relu(self.d1(x))
        x = self.d2(x)
        return torch.softmax(x, dim=1) if form == "faulty" else x


model = PositionNet()
# explicitly define SGD so that I can change the rate
sgd = torch.optim.SGD(model.parameters(), lr=float(sys.argv[3]) if len(sys.argv) > 3 else 0.001, momentum=0.9, nesterov=True)
mse = nn.MSELoss()
writer = DiagWriter(logdir)
writer.watch(model, sgd, mse)

for epoch in range(20):
    for x, y in train_loader:
        sgd.zero_grad()
        loss = mse(model(x), y)
        loss.backward()
        sgd.step()
    with writer.evaluating("val"):
        val = mse(model(x_val), y_val).item()
    print(f"epoch {epoch + 1} loss {loss.item():.5f} val {val:.5f}")

writer.close()
print(f"RESULT val mse {val:.5f} (variance of the positions {y_val.var().item():.5f})")
