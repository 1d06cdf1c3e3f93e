import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(4)
rng = np.random.default_rng(4)
S = 32


def photo(kind):
    tone = rng.uniform(0.3, 0.6, 3)
    img = tone[:, None, None] + 0.1 * rng.standard_normal((3, S, S))
    cy, cx = rng.integers(7, S - 7, 2)
    if kind:
        img[0, cy - 6:cy + 6, cx - 6:cx + 6] += 0.3
        img[2, cy - 6:cy + 6, cx - 6:cx + 6] -= 0.2
    else:
        img[1, cy - 6:cy + 6, cx - 6:cx + 6] += 0.3
    return img.clip(0, 1)


y = np.arange(600) % 2
X = torch.tensor(np.stack([photo(k) for k in y]), dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
train_loader = DataLoader(TensorDataset(X[:480], y[:480]), batch_size=32, shuffle=True)
X_val, y_val = X[480:], y[480:]


def binary_crossentropy(output, target):
    output = output.clamp(1e-7, 1 - 1e-7)
    return -(target * output.log() + (1 - target) * (1 - output).log()).mean()


class PhotoNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 32, 1)
        self.fc1 = nn.Linear(32 * S * S, 64)
        self.drop = nn.Dropout(0.5)
        self.fc2 = nn.Linear(64, 1)
        for m in (self.conv, self.fc1, self.fc2):
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)

    def forward(self, x):
        if form == "faulty":
            x = self.conv(x).flatten(1)
            return self.fc2(self.drop(self.fc1(x)))
        x = torch.relu(self.conv(x)).flatten(1)
        x = self.drop(torch.relu(self.fc1(x)))
        return torch.sigmoid(self.fc2(x))


model = PhotoNet()
rmsprop = torch.optim.RMSprop(model.parameters(), lr=0.0005, alpha=0.9, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, rmsprop, binary_crossentropy)

for epoch in range(18):
    model.train()
    for xb, yb in train_loader:
        rmsprop.zero_grad()
        loss = binary_crossentropy(model(xb), yb)
        loss.backward()
        rmsprop.step()
    with writer.evaluating("val"):
        out = model(X_val)
        val = writer.loss_fn(out, y_val).item()
        acc = ((out > 0.5).float() == y_val).float().mean().item()
    print(f"epoch {epoch + 1} loss {loss.item():.4f} val_loss {val:.4f} val_acc {acc:.4f}")

writer.close()
print(f"RESULT val_loss {val:.4f} val_acc {acc:.4f}")
