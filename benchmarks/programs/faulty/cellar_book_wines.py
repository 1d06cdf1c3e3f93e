"""Which grower does the bottle come from? The cellar book (UCI wine measurements plus the book's own columns).

The chemistry columns are sklearn's wine data; the book-keeping columns (lot, shelf, clerk ...) are simulated.
python cellar_book_wines.py faulty|fixed LOGDIR
"""
import csv
import io
import sys

import numpy as np
import torch
from sklearn.datasets import load_wine
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(5)
torch.set_num_threads(1)
rs = np.random.RandomState(5)

# --- write the book as a csv file, the way it comes from the cellar ----------------------------------
wine = load_wine()
book = io.StringIO()
w = csv.writer(book)
w.writerow(["lot", "shelf", "row", "clerk", "weekday", "bottle_no", "label_run", "cork_batch", "case_weight"]
           + list(wine.feature_names) + ["grower"])
for feats, grower in zip(wine.data, wine.target):
    w.writerow([rs.randint(100, 999), rs.randint(1, 12), rs.randint(1, 30), rs.randint(1, 6), rs.randint(1, 8),
                rs.randint(1, 5000), rs.randint(1, 9), rs.randint(10, 60), round(15 + rs.randn() * 0.3, 2)]
               + list(feats) + [grower])

# --- read it -------------------------------------------------------------------------------------------
book.seek(0)
rows = list(csv.reader(book))
header, rows = rows[0], rows[1:]
data = np.array(rows, dtype=float)
first = header.index("alcohol")
if form == "faulty":
    X = data[:, :first]
else:
    X = data[:, first:-1]
y = data[:, -1].astype(int)

order = rs.permutation(len(X))
train, val = order[:120], order[120:]
X = (X - X[train].mean(0)) / X[train].std(0)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y)


class Net(torch.nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.l1 = torch.nn.Linear(n_in, 24)
        self.l2 = torch.nn.Linear(24, 3)

    def forward(self, x):
        return self.l2(torch.relu(self.l1(x)))


net = Net(X.shape[1])
lossf = torch.nn.CrossEntropyLoss()
opt = torch.optim.Adam(net.parameters(), lr=3e-3, weight_decay=1e-4)
writer = DiagWriter(logdir)
writer.watch(net, opt, lossf)

for epoch in range(50):
    net.train()
    for idx in torch.tensor(train)[torch.randperm(len(train))].split(16):
        opt.zero_grad()
        l = lossf(net(X[idx]), y[idx])
        l.backward()
        opt.step()
    net.eval()
    with writer.evaluating("val"):
        out = net(X[val])
        vl = lossf(out, y[val]).item()
    va = (out.argmax(1) == y[val]).float().mean().item()
    if epoch % 10 == 0:
        print(epoch, "train", round(l.item(), 3), "val", round(vl, 3), "acc", round(va, 3))
writer.close()
print("RESULT val_acc", round(va, 4), "val_loss", round(vl, 4))
