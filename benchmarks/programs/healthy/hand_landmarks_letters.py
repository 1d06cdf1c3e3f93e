# ASL letters from mediapipe hand landmarks (21 points x 2).  my final project - recorded with webcam, here I simulate
# the landmarks so the teacher can run it without the videos
import sys
import torch
import torch.nn as nn
import numpy as np
import random
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(0); np.random.seed(0); torch.manual_seed(0)

letters = list("ABCDEFGHIKLMNOPQRSTUVWXY")   # no J and Z, they move

# every letter = how much each of the 5 fingers is bent + spread + hand rotation
proto = {}
for l in letters:
    proto[l] = (np.random.choice([0.05, .5, .95], 5), np.random.choice([.1, .3]), np.random.choice([0, 0, 0, .8]))

def make_hand(l):
    bend, spread, rot = proto[l]
    bend = bend + np.random.normal(0, .16, 5)
    spread = spread + np.random.normal(0, .07)
    rot = rot + np.random.normal(0, .2)
    pts = [(0., 0.)]
    for f in range(5):
        ang = (f - 2) * (spread + .12) + np.pi / 2
        x, y = .5 * np.cos(ang), .5 * np.sin(ang)
        pts.append((x, y))
        seg = .22
        a = ang
        for j in range(3):
            a = a - bend[f] * 0.9
            x += seg * np.cos(a); y += seg * np.sin(a)
            pts.append((x, y))
    p = np.array(pts)
    R = np.array([[np.cos(rot), -np.sin(rot)], [np.sin(rot), np.cos(rot)]])
    p = p @ R.T
    p = p * np.random.uniform(.5, 1.5) + np.random.uniform(-1, 1, 2)   # distance to camera / position in the image
    p += np.random.normal(0, .015, p.shape)                            # mediapipe jitter
    return p

def preprocess(p):
    # like in the hand-gesture-recognition-mediapipe repo: relative to the wrist, divided by the max
    p = p - p[0]
    p = p.flatten()
    return p / np.abs(p).max()

data, labels = [], []
for i, l in enumerate(letters):
    for k in range(150):
        data.append(preprocess(make_hand(l)))
        labels.append(i)
data = np.array(data, dtype=np.float32)
labels = np.array(labels)
idx = np.random.permutation(len(data))
data, labels = data[idx], labels[idx]
n = int(len(data) * .75)
x_train, x_test = torch.from_numpy(data[:n]), torch.from_numpy(data[n:])
y_train, y_test = torch.from_numpy(labels[:n]), torch.from_numpy(labels[n:])
print(x_train.shape, x_test.shape)

model = nn.Sequential(
    nn.Dropout(0.05),
    nn.Linear(42, 64),
    nn.ReLU(),
    nn.Dropout(0.1),
    nn.Linear(64, 32),
    nn.ReLU(),
    nn.Linear(32, len(letters)),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.006)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)

num_epochs = 45
batch_size = 64
for epoch in range(num_epochs):
    if epoch == 30:
        for g in optimizer.param_groups:
            g["lr"] /= 5
    model.train()
    p = torch.randperm(n)
    running = 0
    for i in range(0, n, batch_size):
        xb = x_train[p[i:i+batch_size]]
        yb = y_train[p[i:i+batch_size]]
        pred = model(xb)
        loss = loss_fn(pred, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running = running + loss.item() * len(yb)
    model.eval()
    with writer.evaluating("test"):
        with torch.no_grad():
            out = model(x_test)
            test_loss = loss_fn(out, y_test).item()
            acc = (out.argmax(1) == y_test).float().mean().item()
    print("epoch", epoch, "loss", running / n, "test loss", test_loss, "test acc", acc)

writer.close()
print(f"RESULT train={running/n:.4f} test={test_loss:.4f} acc={acc:.3f}")
