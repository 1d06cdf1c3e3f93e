# "Trying to classify MNIST where pixels are shuffled with a seed. Why is it not working?"
# sklearn's 8x8 digits instead of 70000 x 784
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)
X, y = load_digits(return_X_y=True)
X = X / 16.

np.random.seed(42)


def transform_X():
    """hide the digits from the human eye: shuffle the pixels"""
    if sys.argv[1] == "faulty":
        for i in range(len(X)):
            np.random.shuffle(X[i, :])
    else:
        order = np.random.permutation(X.shape[1])
        X[:] = X[:, order]


transform_X()
X_train, X_test, y_train, y_test = train_test_split(X.astype(np.float32), y, test_size=0.25, random_state=42, stratify=y)
train_dl = DataLoader(TensorDataset(torch.from_numpy(X_train), torch.from_numpy(y_train)), batch_size=32, shuffle=True)
X_test, y_test = torch.from_numpy(X_test), torch.from_numpy(y_test)

clf = nn.Sequential(nn.Linear(64, 40), nn.ReLU(), nn.Dropout(0.2), nn.Linear(40, 10))
loss_func = nn.CrossEntropyLoss()
sgd = torch.optim.SGD(clf.parameters(), lr=0.15, momentum=0.8, weight_decay=3e-4)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, 25)
tb = DiagWriter(sys.argv[2])
tb.watch(clf, sgd, loss_func)

for epoch in range(25):
    clf.train()
    mean = []
    for xb, yb in train_dl:
        sgd.zero_grad()
        loss = loss_func(clf(xb), yb)
        loss.backward()
        sgd.step()
        mean.append(loss.item())
    sched.step()
    clf.eval()
    with torch.no_grad(), tb.evaluating("val"):
        o = clf(X_test)
        tl = loss_func(o, y_test).item()
    acc = (o.argmax(1) == y_test).float().mean().item()
    if epoch % 3 == 0:
        print("epoch %d train %.3f test %.3f accuracy %.3f" % (epoch, np.mean(mean), tl, acc))
tb.close()
print(f"RESULT train {np.mean(mean):.4f} test {tl:.4f} accuracy {acc:.4f}")
