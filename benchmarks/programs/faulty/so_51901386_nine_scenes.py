import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(42)


def frames(n, seed, h=18, w=32):
    # nine scenes: the ball in one of 3 x 3 parts of the field
    rng = np.random.RandomState(seed)
    y = rng.randint(0, 9, n)
    yy, xx = np.mgrid[:h, :w]
    x = np.empty((n, 3, h, w), dtype=np.float32)
    for i, k in enumerate(y):
        cy = (k // 3 + rng.uniform(0.25, 0.75)) * h / 3
        cx = (k % 3 + rng.uniform(0.25, 0.75)) * w / 3
        ball = np.exp(-((yy - cy) ** 2 + (xx - cx) ** 2) / 4.0)
        ground = np.array([0.2, 0.5, 0.2])[:, None, None] + 0.05 * rng.randn(3, h, w)
        x[i] = ground + ball * (np.array([0.9, 0.9, 0.9]) - 0.3)[:, None, None]
    return torch.tensor(x.clip(0, 1)), torch.tensor(np.eye(9, dtype=np.float32)[y])


X, Y = frames(480, 42)
X_val, Y_val = frames(120, 43)
loader = DataLoader(TensorDataset(X, Y), batch_size=24, shuffle=True)


class SceneNet(nn.Module):
    def __init__(self):
        super().__init__()
        layers, cin = [], 3
        for cout in (64, 64, 0, 64, 64, 0, 128, 128, 0, 128, 128):
            if cout:
                layers += [nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU()]
                cin = cout
            else:
                layers.append(nn.MaxPool2d(2, 2))
        self.conv = nn.Sequential(*layers)
        self.drop = nn.Dropout(0.5)
        self.fc1 = nn.Linear(128 * 2 * 4, 1024)
        self.fc2 = nn.Linear(1024, 9)
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        x = self.drop(self.conv(x).flatten(1))
        x = self.fc2(self.drop(torch.relu(self.fc1(x))))
        return torch.relu(x) if form == "faulty" else torch.softmax(x, dim=1)


def categorical_crossentropy(p, t):
    p = p / p.sum(dim=1, keepdim=True)
    p = p.clamp(1e-7, 1 - 1e-7)
    return -(t * torch.log(p)).sum(dim=1).mean()


model = SceneNet()
optimizer = torch.optim.Adam(model.parameters(), lr=0.0001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, categorical_crossentropy)

for epoch in range(14):
    model.train()
    total, hits = 0.0, 0
    for x, t in loader:
        optimizer.zero_grad()
        p = model(x)
        loss = categorical_crossentropy(p, t)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x) / len(X)
        hits += (p.argmax(1) == t.argmax(1)).sum().item()
    with writer.evaluating("val"):
        p = model(X_val)
        val_loss = writer.loss_fn(p, Y_val).item()
    val_acc = (p.argmax(1) == Y_val.argmax(1)).float().mean().item()
    print(f"Epoch {epoch + 1}/14 loss {total:.4f} acc {hits / len(X):.4f} val_loss {val_loss:.4f} val_acc {val_acc:.4f}")

writer.close()
print(f"RESULT val loss {val_loss:.4f} val acc {val_acc:.4f}")
