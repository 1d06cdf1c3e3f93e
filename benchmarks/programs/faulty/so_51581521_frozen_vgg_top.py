import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(42)
nb_train_samples, nb_val_samples, img = 400, 100, 32


def photos(n, seed):
    rng = np.random.RandomState(seed)
    y = rng.randint(0, 2, n)
    yy, xx = np.mgrid[:img, :img]
    x = np.zeros((n, 3, img, img), dtype=np.float32)
    for i in range(n):
        angle = rng.uniform(0.2, 0.6) if y[i] else rng.uniform(0.9, 1.3)
        wave = np.sin((xx * np.cos(angle) + yy * np.sin(angle)) / rng.uniform(0.9, 1.3) + rng.rand() * 6)
        x[i] = 0.5 + 0.3 * wave * rng.uniform(0.6, 1.0, (3, 1, 1)) + 0.1 * rng.randn(3, img, img)
    return torch.tensor(x.clip(0, 1)), torch.tensor(y, dtype=torch.float32).unsqueeze(1)


def vgg16_base():
    layers, cin = [], 3
    for cout in (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"):
        if cout == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            conv = nn.Conv2d(cin, cout, 3, padding=1)
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)
            layers += [conv, nn.ReLU()]
            cin = cout
    return nn.Sequential(*layers)


base_model = vgg16_base()
for p in base_model.parameters():
    p.requires_grad = False
top_model = nn.Sequential(nn.Flatten(), nn.Linear(512, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 1),
                          nn.Softmax(dim=1) if form == "faulty" else nn.Sigmoid())
for m in top_model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)

# the features that the base model makes of the pictures, saved once as in the Keras blog
x, y = photos(nb_train_samples, 0)
x_val, y_val = photos(nb_val_samples, 1)
with torch.no_grad():
    features = torch.cat([base_model(b) for b in x.split(50)])
    features_val = torch.cat([base_model(b) for b in x_val.split(50)])
scale = features.std()
features, features_val = features / scale, features_val / scale

criterion = nn.BCELoss()
optimizer = torch.optim.Adam(top_model.parameters(), lr=1e-3, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(top_model, optimizer, criterion)

for epoch in range(50):
    top_model.train()
    hits = 0
    for idx in torch.randperm(nb_train_samples).split(64):
        p = top_model(features[idx])
        loss = criterion(p, y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        hits += ((p > 0.5) == (y[idx] > 0.5)).sum().item()
    top_model.eval()
    with torch.no_grad():
        p = top_model(features_val)
        val_loss = criterion(p, y_val).item()
    val_acc = ((p > 0.5) == (y_val > 0.5)).float().mean().item()
    print(f"Epoch {epoch + 1}/50 loss {loss.item():.4f} acc {hits / nb_train_samples:.4f} val_loss {val_loss:.4f} val_acc {val_acc:.4f}")

writer.close()
print(f"RESULT val loss {val_loss:.4f} val acc {val_acc:.4f}")
