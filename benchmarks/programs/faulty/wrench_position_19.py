"""Where is wrench number 19?  Six wrenches hang side by side, the network says at which place the 19 mm one is."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
SIZES = [14, 16, 17, 19, 22, 24]
img_h, img_w = 20, 60


def photo(rng):
    order = rng.permutation(6)
    im = np.full((img_h, img_w), 0.8) + 0.1 * rng.randn()
    yy, xx = np.mgrid[0:img_h, 0:img_w]
    for place, k in enumerate(order):
        s = SIZES[k] / 24
        cx = 5 + 10 * place + rng.uniform(-1, 1)
        top = 4 + rng.uniform(-1, 1)
        head = ((xx - cx) ** 2 + (yy - top) ** 2) < (4.4 * s) ** 2
        handle = (abs(xx - cx) < 1.6 * s) & (yy > top) & (yy < top + 15 * s)
        im[head | handle] = 0.25 + 0.1 * rng.randn()
    im += 0.06 * rng.randn(img_h, img_w)
    return im, int(np.where(order == 3)[0][0])


def album(n, seed):
    rng = np.random.RandomState(seed)
    ims, lab = zip(*(photo(rng) for _ in range(n)))
    return TensorDataset((torch.tensor(np.stack(ims), dtype=torch.float32)[:, None] - 0.6) / 0.3, torch.tensor(lab))


n_photos = 200 if sys.argv[1] == "faulty" else 4000       # more photos were taken
epochs = 80 if sys.argv[1] == "faulty" else 4
train_ds, valid_ds = album(n_photos, 1), album(300, 2)
train_dl, valid_dl = DataLoader(train_ds, batch_size=8, shuffle=True), DataLoader(valid_ds, batch_size=100)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(32 * 3 * 13, 64), nn.ReLU(), nn.Linear(64, 6))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
tb = DiagWriter(sys.argv[2])
tb.watch(model, optimizer, criterion)

every = max(1, len(train_dl) * epochs // 16)
step = 0
for epoch in range(epochs):
    for xb, yb in train_dl:
        model.train()
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        step += 1
        if step % every == 0:
            model.eval()
            with tb.evaluating("val"), torch.no_grad():
                out = [(model(x), y) for x, y in valid_dl]
                vl = np.mean([criterion(o, y).item() for o, y in out])
                va = np.mean([(o.argmax(1) == y).float().mean().item() for o, y in out])
            print(f"epoch {epoch + 1} step {step} loss {loss.item():.4f} val_loss {vl:.4f} val_acc {va:.4f}")
tb.close()
print(f"RESULT val loss {vl:.4f} accuracy {va:.4f}")
