"""Train a small CNN, prune the weakest channels, speed the model up (smaller layers), finetune."""
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

from tb_lossdiag import DiagWriter

form = sys.argv[1]
logdir = sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(21)

digits = load_digits()
perm = np.random.RandomState(2).permutation(len(digits.target))
data = torch.tensor(digits.images[perm] / 16.0, dtype=torch.float32).unsqueeze(1)
target = torch.tensor(digits.target[perm])
train_x, train_y = data[:1300], target[:1300]
test_x, test_y = data[1300:], target[1300:]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 24, 3, padding=1)
        self.conv2 = nn.Conv2d(24, 48, 3, padding=1)
        self.fc1 = nn.Linear(48 * 4, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc2(x)


def l1_masks(model, keep):
    masks = {}
    for name, layer in (("conv1", model.conv1), ("conv2", model.conv2), ("fc1", model.fc1)):
        norms = layer.weight.detach().flatten(1).abs().sum(1)
        masks[name] = norms.topk(int(len(norms) * keep)).indices.sort().values
    return masks


def shrink(layer, rows, cols=None):
    weight = layer.weight.detach()[rows]
    if cols is not None:
        weight = weight[:, cols]
    if isinstance(layer, nn.Conv2d):
        small = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
    else:
        small = nn.Linear(weight.shape[1], weight.shape[0])
    small.weight.data.copy_(weight)
    small.bias.data.copy_(layer.bias.detach()[rows])
    return small


def speedup_model(model, masks):
    cols = (masks["conv2"][:, None] * 4 + torch.arange(4)).flatten()
    model.fc2 = shrink(model.fc2, torch.arange(10), masks["fc1"])
    model.fc1 = shrink(model.fc1, masks["fc1"], cols)
    model.conv2 = shrink(model.conv2, masks["conv2"], masks["conv1"])
    model.conv1 = shrink(model.conv1, masks["conv1"])


def trainer(model, optimizer):
    model.train()
    for idx in torch.randperm(len(train_x)).split(32):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(train_x[idx]), train_y[idx])
        loss.backward()
        optimizer.step()


def evaluator(model):
    model.eval()
    with torch.no_grad():
        out = model(test_x)
        loss = F.cross_entropy(out, test_y)
    return loss, (out.argmax(1) == test_y).float().mean().item()


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(8):
    trainer(model, optimizer)
loss, acc = evaluator(model)
print("pretrained: loss %.4f acc %.4f" % (loss.item(), acc))

speedup_model(model, l1_masks(model, keep=0.3))
loss, acc = evaluator(model)
print("after speedup: loss %.4f acc %.4f" % (loss.item(), acc))

if form == "fixed":
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

writer = DiagWriter(logdir)
writer.watch(model, optimizer)
for epoch in range(25):
    trainer(model, optimizer)
    loss, acc = evaluator(model)
    writer.add_loss("val", loss)
    if epoch % 5 == 4:
        print("finetune epoch %d: loss %.4f acc %.4f" % (epoch, loss.item(), acc))

writer.close()
print("RESULT val_loss %.4f val_acc %.4f" % (loss.item(), acc))
