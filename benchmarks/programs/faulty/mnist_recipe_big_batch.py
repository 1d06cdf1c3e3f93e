# "Impact of batch size" recipe: hidden layer of 1000 (here 100), sgd, batch half of the training set.
# pictures: 12x12 digits written by a shaky hand (sklearn's digits blown up and distorted)
import sys
import numpy as np
import torch
import torch.nn as nn
from scipy import ndimage
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(10)
torch.manual_seed(10)

digits = load_digits()
order = np.random.permutation(len(digits.images))
held_out = set(order[:400].tolist())


def variants(indices, copies):
    x, y = [], []
    for i in indices:
        for _ in range(copies):
            im = ndimage.rotate(digits.images[i] / 16., np.random.uniform(-15, 15), reshape=False, order=1)
            im = ndimage.zoom(im, 1.5, order=1)
            im = np.roll(im, np.random.randint(-1, 2, 2), (0, 1)) + np.random.normal(0, .15, (12, 12))
            x.append(im.ravel()); y.append(digits.target[i])
    return np.array(x, "float32"), np.array(y)


X_train, y_train = variants([i for i in order if i not in held_out], 5)
X_test, y_test = variants(sorted(held_out), 2)
m, s = X_train.mean(), X_train.std()
X_train, X_test = torch.tensor((X_train - m) / s), torch.tensor((X_test - m) / s)
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)
print(X_train.shape, X_test.shape)

batch_size = len(X_train) // 2 if sys.argv[1] == "faulty" else 32
model = nn.Sequential(nn.Linear(144, 100), nn.ReLU(), nn.Dropout(0.4), nn.Linear(100, 10))
opt = torch.optim.SGD(model.parameters(), lr=0.2, weight_decay=1e-3)
crit = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, crit)
hist = []
for epoch in range(12):
    if epoch == 8:
        opt.param_groups[0]["lr"] *= .25
    perm = torch.randperm(len(X_train))
    model.train()
    tot, n = 0., 0
    for i in range(0, len(perm) - batch_size + 1, batch_size):
        b = perm[i:i + batch_size]
        opt.zero_grad()
        loss = crit(model(X_train[b]), y_train[b])
        loss.backward()
        opt.step()
        tot += loss.item() * len(b); n += len(b)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = model(X_test)
        vl = crit(o, y_test).item()
    acc = (o.argmax(1) == y_test).float().mean().item()
    hist.append((tot / n, vl, acc))
    print(f"Epoch {epoch + 1}/12 loss: {tot / n:.4f} val_loss: {vl:.4f} val_acc: {acc:.4f}")
writer.close()
print("RESULT loss %.4f val_loss %.4f val_acc %.4f" % hist[-1])
