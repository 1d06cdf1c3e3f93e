import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
np.random.seed(7)
torch.manual_seed(7)
torch.set_num_threads(1)


def load_folder_images():
    d = load_digits(n_class=5)
    xs, ys = [], []
    for folder in range(5):
        imgs = d.images[d.target == folder]
        xs.append(imgs[:160])
        ys.append(np.full(len(imgs[:160]), folder))
    return np.concatenate(xs).astype("float32")[:, None] / 16.0, np.concatenate(ys)


class VGGLike(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 16, 3, padding=1)
        self.c2 = nn.Conv2d(16, 16, 3, padding=1)
        self.c3 = nn.Conv2d(16, 32, 3, padding=1)
        self.c4 = nn.Conv2d(32, 32, 3, padding=1)
        self.d1 = nn.Linear(32 * 4, 64)
        self.d2 = nn.Linear(64, 5)

    def forward(self, x):
        x = F.relu(self.c2(F.relu(self.c1(x))))
        x = F.dropout(F.max_pool2d(x, 2), 0.25, self.training)
        x = F.relu(self.c4(F.relu(self.c3(x))))
        x = F.dropout(F.max_pool2d(x, 2), 0.25, self.training)
        x = F.dropout(F.relu(self.d1(x.flatten(1))), 0.5, self.training)
        return self.d2(x)


def fit(model, x, y, validation_split, batch_size, epochs, optimizer, writer):
    n_val = int(len(x) * validation_split)
    x_val, y_val = torch.from_numpy(x[-n_val:]), torch.from_numpy(y[-n_val:])
    x_tr, y_tr = torch.from_numpy(x[:-n_val]), torch.from_numpy(y[:-n_val])
    for epoch in range(epochs):
        model.train()
        order = np.random.permutation(len(x_tr))
        hits = 0
        for s in range(0, len(order), batch_size):
            b = order[s:s + batch_size]
            out = model(x_tr[b])
            loss = F.cross_entropy(out, y_tr[b])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            hits += (out.argmax(1) == y_tr[b]).sum().item()
        model.eval()
        with torch.no_grad():
            out = model(x_val)
            val_loss = F.cross_entropy(out, y_val)
            val_acc = (out.argmax(1) == y_val).float().mean().item()
        if (epoch + 1) % 5 == 0:
            print(f"Epoch {epoch + 1}/{epochs} acc: {hits / len(x_tr):.4f} val_loss: {val_loss:.4f} val_acc: {val_acc:.4f}")
    return val_loss.item(), val_acc


x, y = load_folder_images()
if form == "fixed":
    p = np.random.permutation(len(x))
    x, y = x[p], y[p]

model = VGGLike()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)
val_loss, val_acc = fit(model, x, y, 0.2, 32, 25, optimizer, writer)
writer.close()
print(f"RESULT val_loss {val_loss:.4f} val_acc {val_acc:.4f}")
