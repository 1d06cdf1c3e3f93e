"""APPNP (Klicpera et al. 2019) on a k-nearest-neighbour graph of the digits: 8 labels per class, the rest unlabelled."""
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.neighbors import kneighbors_graph
from sklearn.semi_supervised import LabelSpreading
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter


class APPNP(nn.Module):
    def __init__(self, n_in, n_hid, n_cls, alpha=0.1, K=6, dropout=0.5):
        super().__init__()
        self.fc1 = nn.Linear(n_in, n_hid)
        self.fc2 = nn.Linear(n_hid, n_cls)
        self.alpha, self.K, self.p = alpha, K, dropout

    def forward(self, x, adj):
        x = F.dropout(x, self.p, self.training)
        h = F.relu(self.fc1(x))
        h = F.dropout(h, self.p, self.training)
        h = self.fc2(h)
        z = h
        for _ in range(self.K):
            z = (1 - self.alpha) * torch.sparse.mm(adj, z) + self.alpha * h
        return F.log_softmax(z, dim=1)


parser = argparse.ArgumentParser()
parser.add_argument("logdir")
parser.add_argument("--epochs", type=int, default=250)
parser.add_argument("--lr", type=float, default=0.01)
parser.add_argument("--weight_decay", type=float, default=5e-3)
parser.add_argument("--hidden", type=int, default=64)
args = parser.parse_args()
torch.set_num_threads(1)
np.random.seed(42)
torch.manual_seed(42)

X, y = load_digits(return_X_y=True)
A = kneighbors_graph(X, 8, mode="connectivity")
A = A.maximum(A.T) + __import__("scipy.sparse").sparse.eye(len(X))
dinv = 1 / np.sqrt(np.asarray(A.sum(1)).ravel())
A = A.multiply(dinv[:, None]).multiply(dinv[None]).tocoo()
adj = torch.sparse_coo_tensor(np.vstack([A.row, A.col]), torch.tensor(A.data).float(), A.shape).coalesce()
order = np.random.permutation(len(y))
idx_train = np.concatenate([[i for i in order if y[i] == c][:8] for c in range(10)])
rest = np.setdiff1d(order, idx_train)
np.random.shuffle(rest)
idx_val, idx_test = rest[:400], rest[400:]
feats = torch.tensor(X / 16.0).float()
labels = torch.tensor(y)

model = APPNP(64, args.hidden, 10)
optimizer = torch.optim.Adam([{"params": model.fc1.parameters(), "weight_decay": args.weight_decay},
                              {"params": model.fc2.parameters(), "weight_decay": 0.0}], lr=args.lr)
criterion = nn.NLLLoss()
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(args.epochs):
    model.train()
    optimizer.zero_grad()
    out = model(feats, adj)
    loss = criterion(out[idx_train], labels[idx_train])
    loss.backward()
    optimizer.step()
    if epoch % 10 == 9:
        model.eval()
        with writer.evaluating("val"):
            out = model(feats, adj)
            vl = criterion(out[idx_val], labels[idx_val])
        acc = (out[idx_val].argmax(1) == labels[idx_val]).float().mean()
        if epoch % 50 == 49:
            print(f"Epoch {epoch + 1:04d} loss_train {loss.item():.4f} loss_val {vl.item():.4f} acc_val {acc:.4f}")
test = (out[idx_test].argmax(1) == labels[idx_test]).float().mean().item()
part = np.full(len(y), -1)
part[idx_train] = y[idx_train]
ls = LabelSpreading(kernel="knn", n_neighbors=8).fit(X, part)
lr = LogisticRegression(max_iter=3000).fit(X[idx_train] / 16, y[idx_train])
writer.close()
print(f"RESULT val_loss {vl.item():.4f} test_acc {test:.4f} label_spreading {(ls.transduction_[idx_test] == y[idx_test]).mean():.4f} "
      f"logreg {lr.score(X[idx_test] / 16, y[idx_test]):.4f}")
