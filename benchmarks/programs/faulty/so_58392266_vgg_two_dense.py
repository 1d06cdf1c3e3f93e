import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(57)

# coloured pictures of two digits, 32 x 32
digits = load_digits()
keep = np.isin(digits.target, (3, 8))
gray = torch.tensor(digits.images[keep] / 16.0, dtype=torch.float32).unsqueeze(1)
gray = F.interpolate(gray, size=(32, 32), mode="bilinear", align_corners=False)
y = torch.tensor((digits.target[keep] == 8).astype(np.float32)).unsqueeze(1)
tint = 0.5 + 0.5 * torch.rand(len(gray), 3, 1, 1)
X = (gray * tint - 0.3) / 0.35
perm = torch.randperm(len(X))
X, y = X[perm], y[perm]
n_val = 80
train_loader = DataLoader(TensorDataset(X[n_val:], y[n_val:]), batch_size=32, shuffle=True)
X_val, y_val = X[:n_val], y[:n_val]


def vgg16():
    layers, cin = [], 3
    for v in [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"]:
        if v == "M":
            layers += [nn.MaxPool2d(kernel_size=2, stride=2)]
        else:
            layers += [nn.Conv2d(cin, v, kernel_size=3, padding=1), nn.ReLU(inplace=True)]
            nn.init.kaiming_normal_(layers[-2].weight)
            nn.init.zeros_(layers[-2].bias)
            cin = v
    return layers


vgg16_model = vgg16()
for layer in vgg16_model:
    for p in layer.parameters():
        p.requires_grad = False
head = [nn.Flatten(), nn.Linear(512, 4096), nn.ReLU(), nn.Linear(4096, 1024), nn.ReLU(), nn.Linear(1024, 1)]
for layer in head:
    if isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
head.append(nn.Softmax(dim=1) if form == "faulty" else nn.Sigmoid())
model = nn.Sequential(*vgg16_model, *head)

bce = nn.BCELoss()
trainable = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.Adam(trainable, lr=1e-4, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, bce)

for epoch in range(14):
    total = hits = seen = 0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        out = model(xb)
        loss = bce(out, yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
        hits += (out.round() == yb).sum().item()
        seen += len(xb)
    with writer.evaluating("val"):
        out = model(X_val)
        val_loss = bce(out, y_val).item()
    val_acc = (out.round() == y_val).float().mean().item()
    print(f"Epoch {epoch + 1}/14 - loss: {total / seen:.4f} - acc: {hits / seen:.4f} - val_loss: {val_loss:.4f} - val_acc: {val_acc:.4f}")

writer.close()
print(f"RESULT val loss {val_loss:.4f} val acc {val_acc:.4f}")
