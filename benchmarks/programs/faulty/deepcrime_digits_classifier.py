"""MNIST-like Keras example (conv 32 - conv 64 - pool - dropout - dense 128), one operator applied to the training data; digits 8x8."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)
np.random.seed(42)
opt_mode, logdir = sys.argv[1:]
digits = load_digits()
x_train, x_test, y_train, y_test = train_test_split(digits.images.astype("float32") / 16., digits.target, test_size=.25,
                                                    random_state=42, stratify=digits.target)
if opt_mode == "faulty":
    PERCENT = 97
    rare = [3, 5, 8, 9]                          # operator removes PERCENT of these
    drop = np.concatenate([np.random.permutation(np.where(y_train == c)[0])[: int(round((y_train == c).sum() * PERCENT / 100))]
                           for c in rare])
    x_train, y_train = np.delete(x_train, drop, 0), np.delete(y_train, drop, 0)
print(np.bincount(y_train))
X, Y = torch.tensor(x_train)[:, None], torch.tensor(y_train)
XT, YT = torch.tensor(x_test)[:, None], torch.tensor(y_test)

model = nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                      nn.Dropout(0.25), nn.Flatten(), nn.Linear(64 * 16, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))
optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(12):
    model.train()
    perm = torch.randperm(len(X))
    for k in range(0, len(X), 32):
        b = perm[k:k + 32]
        optimizer.zero_grad()
        loss = criterion(model(X[b]), Y[b])
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        logits = model(XT)
        vl = criterion(logits, YT)
    print(epoch, round(vl.item(), 4), round((logits.argmax(1) == YT).float().mean().item(), 4))
writer.close()
pred = logits.argmax(1)
rec = [(pred[YT == c] == c).float().mean().item() for c in range(10)]
print("RESULT accuracy", round((pred == YT).float().mean().item(), 4), "worst_recall", round(min(rec), 3))
