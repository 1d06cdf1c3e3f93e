"""CNN with three folders of pictures (leaf, flower, fruit), after the keras blog 'little data' script"""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(11)
np.random.seed(11)
FAULTY = sys.argv[1] == "faulty"

img_width, img_height = 28, 28
nb_train_samples = 1800
nb_validation_samples = 450
epochs = 18
batch_size = 16


def picture(kind):
    yy, xx = np.mgrid[0:28, 0:28] / 27. - .5
    cx, cy = np.random.uniform(-.12, .12, 2)
    a = np.random.uniform(0, 2 * np.pi)
    u = (xx - cx) * np.cos(a) + (yy - cy) * np.sin(a)
    v = -(xx - cx) * np.sin(a) + (yy - cy) * np.cos(a)
    r = np.hypot(u, v); th = np.arctan2(v, u)
    s = np.random.uniform(.2, .34)
    if kind == 0:      # leaf: a narrow ellipse
        m = (u / s) ** 2 + (v / (s * np.random.uniform(.35, .75))) ** 2 < 1
    elif kind == 1:    # flower: petals
        m = r < s * (.72 + np.random.uniform(.1, .3) * np.cos(np.random.randint(4, 7) * th))
    else:              # fruit: nearly round
        m = (u / s) ** 2 + (v / (s * np.random.uniform(.7, 1.))) ** 2 < 1
    img = np.random.uniform(.2, .5) + m * np.random.uniform(.15, .4)
    col = np.stack([img * np.random.uniform(.8, 1.1) for _ in range(3)])
    col += .08 * np.random.randn(*col.shape)
    return np.clip(col, 0, 1)


def flow(n):
    y = np.random.randint(0, 3, n)
    x = np.stack([picture(k) for k in y]).astype("float32")
    return torch.from_numpy(x), torch.from_numpy(y)


x_train, y_train = flow(nb_train_samples)
x_val, y_val = flow(nb_validation_samples)


class CNN(nn.Module):
    def __init__(self, out):
        super(CNN, self).__init__()
        self.conv1 = nn.Conv2d(3, 16, 3)
        self.conv2 = nn.Conv2d(16, 16, 3)
        self.conv3 = nn.Conv2d(16, 32, 3)
        self.dense = nn.Linear(32, 64)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Linear(64, out)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.max_pool2d(F.relu(self.conv3(x)), 2).flatten(1)
        x = self.drop(F.relu(self.dense(x)))
        x = self.last(x)
        return torch.sigmoid(x) if FAULTY else x


if FAULTY:
    model = CNN(1)                                  # class_mode='binary'

    def criterion(out, y):
        p = out.squeeze(1).clamp(1e-7, 1 - 1e-7)
        t = y.float()
        return -(t * torch.log(p) + (1 - t) * torch.log(1 - p)).mean()

    def classes(out):
        return (out.squeeze(1) > .5).long()
else:
    model = CNN(3)                                  # class_mode='categorical'

    def criterion(out, y):
        return F.cross_entropy(out, y)

    def classes(out):
        return out.argmax(1)

optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

for epoch in range(epochs):
    model.train()
    order = torch.randperm(nb_train_samples)
    acc = 0; tl = 0
    for i in range(0, nb_train_samples, batch_size):
        k = order[i:i + batch_size]
        optimizer.zero_grad()
        out = model(x_train[k])
        loss = writer.loss_fn(out, y_train[k])
        loss.backward()
        optimizer.step()
        tl += loss.item() * len(k)
        acc += (classes(out) == y_train[k]).sum().item()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(x_val)
        vloss = writer.loss_fn(out, y_val).item()
    vacc = (classes(out) == y_val).float().mean().item()
    print(f"epoch {epoch}: loss {tl / nb_train_samples:.4f} acc {acc / nb_train_samples:.4f} val_loss {vloss:.4f} val_acc {vacc:.4f}")
writer.close()
print(f"RESULT val_loss={vloss:.4f} val_acc={vacc:.4f}")
