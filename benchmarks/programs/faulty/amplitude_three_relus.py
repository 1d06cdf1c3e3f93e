# teaching myself: can a tiny net learn abs(x + jy)?   3 ReLUs should be enough for a crude cone
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)
rng = np.random.RandomState(0)

hidden = 3 if sys.argv[1] == "faulty" else 32

z = rng.uniform(-1, 1, (4000, 2)).astype("float32")
amp = np.hypot(z[:, 0], z[:, 1])[:, None].astype("float32")
x_train, y_train = torch.tensor(z[:3200]), torch.tensor(amp[:3200])
x_val, y_val = torch.tensor(z[3200:]), torch.tensor(amp[3200:])

model = nn.Sequential(nn.Linear(2, hidden), nn.ReLU(), nn.Linear(hidden, 1))
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)      # glorot, as in Keras
        nn.init.zeros_(m.bias)
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
mse = nn.MSELoss()

writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, mse)

for epoch in range(30):
    perm = torch.randperm(len(x_train))
    total = 0.0
    for i in range(0, len(perm), 32):
        b = perm[i:i + 32]
        loss = mse(model(x_train[b]), y_train[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() * len(b)
    with writer.evaluating("val"), torch.no_grad():
        v = mse(model(x_val), y_val).item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:3d}  loss {total / len(perm):.5f}  val_loss {v:.5f}")
writer.close()
print(f"RESULT val mse {v:.5f} (variance {y_val.var().item():.4f})")
