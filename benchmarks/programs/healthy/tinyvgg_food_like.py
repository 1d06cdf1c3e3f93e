"""TinyVGG on small colour photos of three dishes (mrdbourke/pytorch-deep-learning 04 custom datasets / 05 engine.py)."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

torch.manual_seed(42)
torch.set_num_threads(1)
device = "cuda" if torch.cuda.is_available() else "cpu"
class_names = ["pizza", "steak", "sushi"]


class FoodPhotos(Dataset):
    """A plate seen from above: a round with dots, a brown oval with grill marks, or several small rolls."""

    def __init__(self, n, seed, augment=False, size=32):
        rng = np.random.default_rng(seed)
        self.targets = rng.integers(0, 3, n)
        self.images = np.stack([self.photo(c, rng, size) for c in self.targets]).astype(np.float32)
        self.augment = augment

    @staticmethod
    def photo(c, rng, size):
        yy, xx = np.mgrid[:size, :size] / (size - 1) * 2 - 1
        img = np.ones((3, size, size)) * rng.uniform(0.1, 0.9, 3)[:, None, None]
        cx, cy, r = rng.uniform(-.25, .25), rng.uniform(-.25, .25), rng.uniform(.5, .9)
        img[:, np.hypot(xx - cx, yy - cy) < r + .15] = rng.uniform(.55, .98)
        paint = lambda m, col: img.__setitem__((slice(None), m), (np.array(col) + rng.normal(0, .07, 3))[:, None])
        if c == 0:
            paint(np.hypot(xx - cx, yy - cy) < r, (.8, .6, .3))
            for _ in range(rng.integers(4, 12)):
                a, q = rng.uniform(0, 6.3), r * np.sqrt(rng.uniform(0, .7))
                paint(np.hypot(xx - cx - q * np.cos(a), yy - cy - q * np.sin(a)) < rng.uniform(.07, .18), rng.choice([(.7, .15, .1), (.2, .5, .15), (.95, .9, .7)]))
        elif c == 1:
            a = rng.uniform(0, 3.14)
            u, v = (xx - cx) * np.cos(a) + (yy - cy) * np.sin(a), -(xx - cx) * np.sin(a) + (yy - cy) * np.cos(a)
            m = np.hypot(u / r, v / (r * rng.uniform(.5, .9))) < 1
            paint(m, (.5, .28, .15))
            if rng.random() < .8:
                paint(m & (np.sin(v * rng.uniform(12, 22)) > .6), (.25, .13, .08))
            if rng.random() < .4:
                paint(np.hypot(xx - cx - r * .9, yy - cy) < .2, (.2, .5, .15))
        else:
            for _ in range(rng.integers(3, 8)):
                px, py, q = cx + rng.uniform(-r, r) * .75, cy + rng.uniform(-r, r) * .75, rng.uniform(.16, .28)
                d = np.hypot(xx - px, yy - py)
                paint(d < q, (.12, .2, .12)); paint(d < q * .75, (.93, .92, .88)); paint(d < q * .35, rng.choice([(.95, .5, .35), (.4, .7, .3), (.8, .2, .2)]))
        img = (img - .5) * rng.uniform(.5, 1) + rng.uniform(.35, .65)
        return np.clip(img + rng.normal(0, .05, img.shape), 0, 1)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        x = torch.tensor(self.images[i])
        if self.augment and torch.rand(1) < 0.5:
            x = x.flip(-1)
        return x, int(self.targets[i])


class TinyVGG(nn.Module):
    def __init__(self, input_shape: int, hidden_units: int, output_shape: int) -> None:
        super().__init__()
        self.conv_block_1 = nn.Sequential(
            nn.Conv2d(input_shape, hidden_units, 3, stride=1, padding=1), nn.ReLU(),
            nn.Conv2d(hidden_units, hidden_units, 3, stride=1, padding=1), nn.ReLU(),
            nn.MaxPool2d(kernel_size=2, stride=2))
        self.conv_block_2 = nn.Sequential(
            nn.Conv2d(hidden_units, hidden_units, kernel_size=3, padding=1), nn.ReLU(),
            nn.Conv2d(hidden_units, hidden_units, kernel_size=3, padding=1), nn.ReLU(),
            nn.MaxPool2d(2))
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(in_features=hidden_units * 8 * 8, out_features=output_shape))

    def forward(self, x: torch.Tensor):
        return self.classifier(self.conv_block_2(self.conv_block_1(x)))


def train_step(model, dataloader, loss_fn, optimizer):
    model.train()
    train_loss, train_acc = 0, 0
    for batch, (X, y) in enumerate(dataloader):
        X, y = X.to(device), y.to(device)
        y_pred = model(X)
        loss = loss_fn(y_pred, y)
        train_loss += loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        y_pred_class = torch.argmax(torch.softmax(y_pred, dim=1), dim=1)
        train_acc += (y_pred_class == y).sum().item() / len(y_pred)
    return train_loss / len(dataloader), train_acc / len(dataloader)


def test_step(model, dataloader, loss_fn):
    test_loss, test_acc = 0, 0
    with writer.evaluating("test"):
        for X, y in dataloader:
            test_pred_logits = model(X.to(device))
            test_loss += loss_fn(test_pred_logits, y).item()
            test_acc += (test_pred_logits.argmax(dim=1) == y).sum().item() / len(y)
    return test_loss / len(dataloader), test_acc / len(dataloader)


train_dataloader = DataLoader(FoodPhotos(2000, 1, augment=True), batch_size=32, shuffle=True)
test_dataloader = DataLoader(FoodPhotos(320, 2), batch_size=32, shuffle=False)
model_0 = TinyVGG(input_shape=3, hidden_units=10, output_shape=len(class_names)).to(device)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(params=model_0.parameters(), lr=0.001)
writer = DiagWriter(sys.argv[1])
writer.watch(model_0, optimizer, loss_fn)
for epoch in range(9):
    train_loss, train_acc = train_step(model_0, train_dataloader, loss_fn, optimizer)
    test_loss, test_acc = test_step(model_0, test_dataloader, loss_fn)
    print(f"Epoch: {epoch+1} | train_loss: {train_loss:.4f} | train_acc: {train_acc:.4f} | test_loss: {test_loss:.4f} | test_acc: {test_acc:.4f}")
writer.close()
