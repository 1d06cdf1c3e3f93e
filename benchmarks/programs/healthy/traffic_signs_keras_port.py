"""Traffic sign recognition, port of the well-known Keras "GTSRB" student project (conv5-conv5-pool-conv3-conv3-pool-dense).
Signs are drawn: shape x colour x symbol, 12 classes, 24x24 pixels, bad light and blur."""
import sys, math
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from scipy.ndimage import gaussian_filter, rotate
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.RandomState(3)
torch.manual_seed(3)
S = 24
yy, xx = np.mgrid[:S, :S]


def draw(label):
    shape, symbol = label // 3, label % 3
    img = np.ones((S, S, 3)) * rng.uniform(.2, .7, 3) + rng.randn(S, S, 1) * .05
    cx, cy = 11.5 + rng.uniform(-1.5, 1.5, 2)
    r = rng.uniform(7.5, 10)
    dx, dy = xx - cx, yy - cy
    if shape == 0:                       # red ring
        outer, inner = dx ** 2 + dy ** 2 < r ** 2, dx ** 2 + dy ** 2 < (r * .72) ** 2
        col, fill = (.8, .1, .1), (.95, .95, .95)
    elif shape == 1:                     # triangle
        outer = (dy < r * .6) & (np.abs(dx) < (dy + r) * .6)
        inner = (dy < r * .42) & (np.abs(dx) < (dy + r * .7) * .5)
        col, fill = (.8, .1, .1), (.95, .95, .95)
    elif shape == 2:                     # blue disc
        outer = dx ** 2 + dy ** 2 < r ** 2
        inner = np.zeros_like(outer)
        col, fill = (.1, .2, .75), (0, 0, 0)
    else:                                # yellow diamond
        outer, inner = np.abs(dx) + np.abs(dy) < r, np.abs(dx) + np.abs(dy) < r * .8
        col, fill = (.95, .95, .95), (.9, .75, .1)
    img[outer] = col
    img[inner] = fill
    ink = (1, 1, 1) if shape == 2 else (.05, .05, .05)
    if symbol == 0:
        m = (np.abs(dx) < 1.2) & (np.abs(dy) < r * .35)
    elif symbol == 1:
        m = (np.abs(dy) < 1.2) & (np.abs(dx) < r * .35)
    else:
        m = (np.abs(dx - dy * .8) < 1.4) & (np.abs(dy) < r * .35)
    img[m] = ink
    img = rotate(img, rng.uniform(-10, 10), reshape=False, mode='nearest', order=1)
    img = gaussian_filter(img, (s := rng.uniform(.3, 1.4), s, 0))
    img = img * rng.uniform(.25, 1.1) + rng.randn(S, S, 3) * .04
    return np.clip(img, 0, 1)


labels = rng.choice(12, 2600, p=np.array([14, 10, 9, 8, 7, 5, 9, 10, 6, 8, 8, 6]) / 100)
data = np.stack([draw(l) for l in labels]).astype(np.float32).transpose(0, 3, 1, 2)
X_train, X_test, y_train, y_test = train_test_split(data, labels, test_size=0.2, random_state=42)
print(X_train.shape, X_test.shape, y_train.shape, y_test.shape)
to = torch.tensor
train_loader = DataLoader(TensorDataset(to(X_train), to(y_train)), batch_size=32, shuffle=True)
test_loader = DataLoader(TensorDataset(to(X_test), to(y_test)), batch_size=64)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 5), nn.ReLU(), nn.Conv2d(16, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
            nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25))
        self.fc1 = nn.Linear(32 * 2 * 2, 128)
        self.drop = nn.Dropout(0.5)
        self.fc2 = nn.Linear(128, 12)

    def forward(self, x):
        x = self.features(x).flatten(1)
        return self.fc2(self.drop(torch.relu(self.fc1(x))))


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1.5e-3)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

epochs = 15
for epoch in range(epochs):
    model.train()
    tl, tc = 0., 0
    for images, target in train_loader:
        out = model(images)
        loss = criterion(out, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tl += loss.item(); tc += (out.argmax(1) == target).float().mean().item()
    model.eval()
    vl, vc = 0., 0
    with torch.no_grad():
        with writer.evaluating("val"):
            for images, target in test_loader:
                out = model(images)
                vl += criterion(out, target).item() * len(target)
                vc += (out.argmax(1) == target).sum().item()
    vl, vc = vl / len(y_test), vc / len(y_test)
    print(f"Epoch {epoch + 1}/{epochs} - loss: {tl / len(train_loader):.4f} - accuracy: {tc / len(train_loader):.4f} "
          f"- val_loss: {vl:.4f} - val_accuracy: {vc:.4f}")
writer.close()
print(f"RESULT val_loss={vl:.4f} val_acc={vc:.4f}")
