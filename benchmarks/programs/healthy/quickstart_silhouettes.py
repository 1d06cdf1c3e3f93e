"""PyTorch "Quickstart" tutorial, with its own train()/test() functions, on 14x14 silhouettes of clothes that are
drawn here because FashionMNIST cannot be downloaded in class."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)
classes = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"]


def draw(k):
    y, x = np.mgrid[0:14, 0:14].astype(float)
    cx, cy = 6.5 + rng.normal(0, .5), 6.5 + rng.normal(0, .5)
    w = rng.uniform(.85, 1.15)
    dx, dy = (x - cx) / w, (y - cy)
    body = (abs(dx) < 2.7) & (abs(dy) < 5)
    sleeve = lambda l: (abs(dx) < 5.5) & (dy > -5) & (dy < l)
    im = {
        0: body | sleeve(-2.2 + rng.normal(0, .5)),
        1: ((abs(dx - 1.6) < 1.2) | (abs(dx + 1.6) < 1.2)) & (abs(dy) < 6) | ((abs(dx) < 2.8) & (abs(dy + 5) < 1)),
        2: body | ((abs(dx) > 3.3) & (abs(dx) < 5.6) & (abs(dy) < 4.5)) | sleeve(-3.5),
        3: (abs(dx) < 1.6 + (dy + 6) * .22) & (abs(dy) < 6),
        4: (body | ((abs(dx) > 3.1) & (abs(dx) < 5.5) & (abs(dy) < 5)) | sleeve(-3.2)) & ~((abs(dx) < .4) & (rng.random() < .7)),
        5: ((abs(dy - 2.5) < 1.1) | ((abs(dx - 1) < .8) & (dy < 2.5) & (dy > -2))) & (abs(dx) < 5),
        6: (body | sleeve(rng.uniform(-2.5, 2.5))) & ~((abs(dx) < .4) & (dy < -2)),
        7: (dy > -dx * .45 - .5) & (dy < 3.5) & (abs(dx) < 5.2),
        8: (abs(dx) < 5) & (dy > -1.5) & (dy < 4.5) | (abs(np.hypot(dx, dy + 1.5) - 3) < .7) & (dy < -1.5),
        9: ((dx > 0) & (dx < 4.5) & (dy > -5)) & (dy < 4) | ((dy > .5) & (dy < 4) & (abs(dx) < 5)),
    }[k].astype(float)
    im = im * rng.uniform(.35, 1) * (1 + rng.normal(0, .25, im.shape)) + np.abs(rng.normal(0, .08, im.shape))
    return np.clip(im, 0, 1)


def make(n):
    y = rng.integers(0, 10, n)
    return TensorDataset(torch.tensor(np.stack([draw(k) for k in y]), dtype=torch.float32)[:, None], torch.tensor(y))


training_data, test_data = make(5000), make(1000)
train_dataloader = DataLoader(training_data, batch_size=64, shuffle=True)
test_dataloader = DataLoader(test_data, batch_size=64)


class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(14 * 14, 96),
            nn.ReLU(),
            nn.Linear(96, 64),
            nn.ReLU(),
            nn.Linear(64, 10)
        )

    def forward(self, x):
        x = self.flatten(x)
        logits = self.linear_relu_stack(x)
        return logits


model = NeuralNetwork()
print(model)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.85)  # not in the tutorial, end was too shaky
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)


def train(dataloader, model, loss_fn, optimizer):
    size = len(dataloader.dataset)
    model.train()
    for batch, (X, y) in enumerate(dataloader):
        # Compute prediction error
        pred = model(X)
        loss = loss_fn(pred, y)

        # Backpropagation
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

        if batch % 40 == 0:
            loss, current = loss.item(), (batch + 1) * len(X)
            print(f"loss: {loss:>7f}  [{current:>5d}/{size:>5d}]")


def test(dataloader, model, loss_fn):
    size = len(dataloader.dataset)
    num_batches = len(dataloader)
    model.eval()
    test_loss, correct = 0, 0
    with torch.no_grad(), writer.evaluating("test"):
        for X, y in dataloader:
            pred = model(X)
            test_loss += loss_fn(pred, y).item()
            correct += (pred.argmax(1) == y).type(torch.float).sum().item()
    test_loss /= num_batches
    correct /= size
    print(f"Test Error: \n Accuracy: {(100 * correct):>0.1f}%, Avg loss: {test_loss:>8f} \n")
    return test_loss, correct


epochs = 18
for t in range(epochs):
    print(f"Epoch {t + 1}\n-------------------------------")
    train(train_dataloader, model, loss_fn, optimizer)
    r = test(test_dataloader, model, loss_fn)
    scheduler.step()
print("Done!")
writer.close()
print("RESULT test_loss=%.4f acc=%.3f" % r)
