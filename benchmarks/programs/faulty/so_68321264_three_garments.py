import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(42)
rng = np.random.RandomState(42)


def draw(kind):
    # 28x28 silhouettes of a shirt, of trousers or of a pullover
    g = np.zeros((28, 28), dtype=np.float32)
    w, top, bottom = rng.randint(5, 8), rng.randint(2, 6), rng.randint(22, 27)
    if kind == 1:
        gap = rng.randint(1, 3)
        g[top:bottom, 14 - w:14 - gap] = 1
        g[top:bottom, 14 + gap:14 + w] = 1
        g[top:top + 6, 14 - w:14 + w] = 1
    else:
        g[top:bottom, 14 - w:14 + w] = 1
        sleeve = rng.randint(5, 10) if kind == 0 else rng.randint(14, 19)
        g[top:top + sleeve, 14 - w - 5:14 - w] = 1
        g[top:top + sleeve, 14 + w:14 + w + 5] = 1
    g = g * rng.uniform(0.4, 0.9) + 0.15 * rng.randn(28, 28) * (g > 0)
    return np.clip(g, 0, 1)


y = rng.randint(0, 3, 1800)
X = np.stack([draw(k) for k in y])[:, None].astype(np.float32)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=42, stratify=y)
one_hot = np.eye(3, dtype=np.float32)
train_loader = DataLoader(TensorDataset(torch.tensor(X_train), torch.tensor(one_hot[y_train])), batch_size=24, shuffle=True)
X_test, Y_test = torch.tensor(X_test), torch.tensor(one_hot[y_test])
y_test = torch.tensor(y_test)

n_out = 1 if form == "faulty" else 3
model = nn.Sequential(
    nn.Conv2d(1, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(64, 64, 3, stride=3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(64 * 2 * 2, 64), nn.Linear(64, n_out), nn.Softmax(dim=1),
)
for m in model:
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)


def crossentropy(p, target):
    p = p.clamp(1e-7, 1 - 1e-7)
    if form == "faulty":
        return -(target * torch.log(p) + (1 - target) * torch.log(1 - p)).mean()
    return -(target * torch.log(p)).sum(dim=1).mean()


optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, crossentropy)

for epoch in range(6):
    for xb, tb in train_loader:
        optimizer.zero_grad()
        loss = crossentropy(model(xb), tb)
        loss.backward()
        optimizer.step()
    with writer.evaluating("test"):
        p = model(X_test)
        test_loss = writer.loss_fn(p, Y_test).item()
    acc = (p.argmax(1) == y_test).float().mean().item()
    print(f"Epoch {epoch + 1}/6 loss {loss.item():.4f} test loss {test_loss:.4f} test acc {acc:.4f}")

print("predictions", p[:4].tolist())
writer.close()
print(f"RESULT test loss {test_loss:.4f} test acc {acc:.4f}")
