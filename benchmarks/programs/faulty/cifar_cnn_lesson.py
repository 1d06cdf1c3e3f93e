"""cnn lesson, cells put together; two families of small colour pictures stand in for the image set"""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import TensorDataset, DataLoader, SubsetRandomSampler
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(5)

# number of samples per batch, fraction of the training set used as validation
batch_size = 20
valid_size = 0.2
classes = ["stripes_h", "stripes_v", "disc", "ring", "square", "cross", "checker", "corner"]


def picture(k, rng, s=16):
    yy, xx = np.mgrid[:s, :s]
    f, ph = rng.uniform(0.7, 1.3), rng.rand() * 6
    cy, cx, r = rng.uniform(5, s - 5), rng.uniform(5, s - 5), rng.uniform(3, 5)
    d = np.hypot(yy - cy, xx - cx)
    m = [np.sin(f * yy + ph) > 0, np.sin(f * xx + ph) > 0, d < r, np.abs(d - r) < 1,
         np.maximum(abs(yy - cy), abs(xx - cx)) < r - 0.5,
         (abs(yy - cy) < 1) & (abs(xx - cx) < r + 1) | (abs(xx - cx) < 1) & (abs(yy - cy) < r + 1),
         (np.sin(f * yy + ph) > 0) ^ (np.sin(f * xx + ph) > 0),
         (yy - cy > 0) & (xx - cx > 0)][k]
    fg, bg = rng.rand(3), rng.rand(3)
    im = np.where(m[None], fg[:, None, None], bg[:, None, None]) + 0.12 * rng.randn(3, s, s)
    return (im.clip(0, 1) - 0.5) / 0.5


def dataset(n, seed):
    rng = np.random.RandomState(seed)
    y = rng.randint(0, 8, n)
    x = np.stack([picture(k, rng) for k in y]).astype(np.float32)
    return TensorDataset(torch.from_numpy(x), torch.from_numpy(y))


train_data, test_data = dataset(2500, 1), dataset(800, 2)
indices = np.random.RandomState(0).permutation(len(train_data))
split = int(np.floor(valid_size * len(train_data)))
train_idx, valid_idx = indices[split:], indices[:split]
train_loader = DataLoader(train_data, batch_size=batch_size, sampler=SubsetRandomSampler(train_idx))
valid_loader = DataLoader(train_data, batch_size=batch_size, sampler=SubsetRandomSampler(valid_idx))
test_loader = DataLoader(test_data, batch_size=batch_size)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(32 * 4 * 4, 128)
        self.fc2 = nn.Linear(128, 8)
        self.dropout = nn.Dropout(0.25)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(-1, 32 * 4 * 4)
        x = self.dropout(x)
        x = F.relu(self.fc1(x))
        x = self.dropout(x)
        return self.fc2(x)


model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
scheduler = optim.lr_scheduler.StepLR(optimizer, 5, 0.3)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

valid_loss_min = np.inf
for epoch in range(1, 13):
    train_loss = valid_loss = 0.0
    model.train()
    for data, target in train_loader:
        optimizer.zero_grad()
        output = model(data)
        loss = criterion(output, target)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * data.size(0)
    if form != "faulty":
        model.eval()
    with torch.no_grad():
        for data, target in valid_loader:
            output = model(data)
            loss = criterion(output, target)
            valid_loss += loss.item() * data.size(0)
    scheduler.step()
    train_loss /= len(train_idx)
    valid_loss /= len(valid_idx)
    if epoch % 3 == 0:
        print("Epoch: {} \tTraining Loss: {:.6f} \tValidation Loss: {:.6f}".format(epoch, train_loss, valid_loss))
    valid_loss_min = min(valid_loss_min, valid_loss)

test_loss = 0.0
correct = 0
if form != "faulty":
    model.eval()
with torch.no_grad():
    for data, target in test_loader:
        output = model(data)
        test_loss += criterion(output, target).item() * data.size(0)
        correct += (output.argmax(1) == target).sum().item()
writer.close()
print("RESULT test_loss %.4f test_acc %.4f best_valid_loss %.4f" % (test_loss / 800, correct / 800, valid_loss_min))
