import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)


def standardize(data):      # dataframe
    data_standardized = data.copy(deep=True)
    for j in range(data.shape[1]):
        x = data_standardized.iloc[:, j]
        avg = x.mean()
        std = x.std()
        if sys.argv[1] != "faulty" and std == 0:
            std = 1.0
        data_standardized.iloc[:, j] = (x - avg) / std
    return data_standardized


digits = load_digits()
# scan them again: grey noise inside the frame, several passes to get more rows
pics, ys = [], []
for rep in range(3):
    for img, lab in zip(digits.images, digits.target):
        im = np.roll(img, np.random.randint(-1, 2), axis=0) + np.random.randn(8, 8) * 2.5
        im[:, 0] = 0
        im[:, 7] = 0
        pics.append(np.clip(im, 0, 16).ravel()); ys.append(lab)
df = pd.DataFrame(np.array(pics), columns=[f"pixel{i}" for i in range(64)])
X = torch.tensor(standardize(df).values, dtype=torch.float32)
y = torch.tensor(np.array(ys))
# the copies of one digit stay on the same side
n = len(digits.target); who = np.arange(len(y)) % n
is_val = torch.tensor(np.isin(who, np.random.permutation(n)[:450]))
X_train, y_train, X_val, y_val = X[~is_val], y[~is_val], X[is_val], y[is_val]

model = nn.Sequential(
    nn.Linear(64, 48),
    nn.Tanh(),
    nn.Dropout(0.3),
    nn.Linear(48, 10),
)
loss_function = nn.CrossEntropyLoss()
sgd = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(model, sgd, loss_function)

for epoch in range(1, 13):
    model.train()
    epoch_loss = 0
    for batch in torch.randperm(len(X_train)).split(32):
        sgd.zero_grad()
        loss = loss_function(model(X_train[batch]), y_train[batch])
        loss.backward()
        sgd.step()
        epoch_loss += loss.item() * len(batch) / len(X_train)
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        scores = model(X_val)
        val_loss = loss_function(scores, y_val).item()
    val_acc = (scores.argmax(1) == y_val).float().mean().item()
    print(epoch, "loss", round(epoch_loss, 4), "val_loss", round(val_loss, 4), "val_acc", round(val_acc, 4))
writer.close()
print(f"RESULT train {epoch_loss:.4f} val_loss {val_loss:.4f} val_acc {val_acc:.3f}")
