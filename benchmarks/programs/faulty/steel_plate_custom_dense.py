"""Surface defects of steel plates: 7 classes, 27 geometric features.  MLP with my own Dense layer."""
import math
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(31)


class Dense(nn.Module):
    def __init__(self, in_features, out_features, activation=None):
        super(Dense, self).__init__()
        w = torch.randn(in_features, out_features) / math.sqrt(in_features)
        b = torch.zeros(out_features)
        if sys.argv[1] == "faulty":
            self.weight = w.requires_grad_(True)
            self.bias = b.requires_grad_(True)
        else:
            self.weight = nn.Parameter(w)
            self.bias = nn.Parameter(b)
        self.activation = activation

    def forward(self, x):
        x = torch.matmul(x, self.weight) + self.bias
        return self.activation(x) if self.activation is not None else x


class PlateNet(nn.Module):
    def __init__(self):
        super(PlateNet, self).__init__()
        self.d1 = Dense(27, 48, torch.tanh)
        self.d2 = Dense(48, 24, torch.tanh)
        self.classifier = nn.Linear(24, 7)

    def forward(self, x):
        return self.classifier(self.d2(self.d1(x)))


X, y = make_classification(n_samples=12000, n_features=27, n_informative=9, n_redundant=8, n_classes=7, n_clusters_per_class=2,
                           class_sep=1.3, flip_y=0.04, weights=[.08, .1, .2, .06, .06, .2, .3], random_state=31)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
sc = StandardScaler().fit(X_train)
X_train, X_val = (torch.tensor(sc.transform(a), dtype=torch.float32) for a in (X_train, X_val))
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)

net = PlateNet()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)

batch_size, n_iters = 64, 800
it = 0
while it < n_iters:
    perm = torch.randperm(len(X_train))
    ep_loss = 0.
    for k in range(0, len(perm) - batch_size, batch_size):
        sel = perm[k:k + batch_size]
        optimizer.zero_grad()
        loss = criterion(net(X_train[sel]), y_train[sel])
        loss.backward()
        optimizer.step()
        ep_loss += loss.item()
        it += 1
    ep_loss /= len(perm) // batch_size
    with torch.no_grad():
        with writer.evaluating("val"):
            s = net(X_val)
            val_loss = criterion(s, y_val).item()
    acc = (s.argmax(1) == y_val).float().mean().item()
    print("iter %4d loss %.4f val %.4f acc %.3f" % (it, ep_loss, val_loss, acc))
writer.close()
print(f"RESULT train={ep_loss:.4f} val={val_loss:.4f} acc={acc:.4f}")
