"""Tumour biopsies with a small estimator class: fit / predict in the manner of skorch, scores compared with sklearn."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.metrics import accuracy_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class NetClassifier:
    def __init__(self, module, lr=0.05, max_epochs=40, batch_size=32, iterator_train__shuffle=True,
                 iterator_valid__shuffle=False, logdir="runs"):
        torch.manual_seed(0)
        self.module_ = module
        self.max_epochs, self.batch_size = max_epochs, batch_size
        self.train_kw = dict(batch_size=batch_size, shuffle=iterator_train__shuffle)
        self.valid_kw = dict(batch_size=batch_size, shuffle=iterator_valid__shuffle)
        self.criterion_ = nn.CrossEntropyLoss()
        self.optimizer_ = torch.optim.SGD(module.parameters(), lr=lr, momentum=0.9)
        self.writer = DiagWriter(logdir)
        self.writer.watch(module, self.optimizer_, self.criterion_)

    def _batches(self, X, kw):
        for (xb,) in DataLoader(TensorDataset(torch.as_tensor(X)), **kw):
            yield xb

    def fit(self, X, y, X_valid, y_valid):
        ds = TensorDataset(torch.as_tensor(X), torch.as_tensor(y))
        for epoch in range(self.max_epochs):
            self.module_.train()
            tr = 0.0
            for xb, yb in DataLoader(ds, **self.train_kw):
                self.optimizer_.zero_grad()
                loss = self.criterion_(self.module_(xb), yb)
                loss.backward()
                self.optimizer_.step()
                tr += loss.item() * len(xb)
            va, pred = self.score_valid(X_valid, y_valid)
            acc = accuracy_score(y_valid, pred)
            self.writer.add_scalar("train_loss", tr / len(ds), epoch)
            self.writer.add_scalar("valid_loss", va, epoch)
            self.writer.add_scalar("valid_acc", acc, epoch)
            if epoch % 5 == 0:
                print(f"  {epoch + 1:3d}  train_loss {tr / len(ds):.4f}  valid_loss {va:.4f}  valid_acc {acc:.4f}")
        return self

    def score_valid(self, X, y):
        y = torch.as_tensor(y)
        tot, out, pos = 0.0, [], 0
        with self.writer.evaluating("val"):
            for xb in self._batches(X, self.valid_kw):
                z = self.module_(xb)
                tot += self.criterion_(z, y[pos:pos + len(xb)]).item() * len(xb)
                pos += len(xb)
                out.append(z.argmax(1))
        return tot / len(y), torch.cat(out).numpy()

    def predict(self, X):
        self.module_.eval()
        with torch.no_grad():
            return torch.cat([self.module_(xb).argmax(1) for xb in self._batches(X, self.valid_kw)]).numpy()


if __name__ == "__main__":
    form, logdir = sys.argv[1], sys.argv[2]
    X, y = load_breast_cancer(return_X_y=True)
    X_tr, X_va, y_tr, y_va = train_test_split(X.astype(np.float32), y.astype(np.int64), test_size=0.3, random_state=4)
    sc = StandardScaler().fit(X_tr)
    X_tr, X_va = sc.transform(X_tr), sc.transform(X_va)
    lr = LogisticRegression(max_iter=500).fit(X_tr, y_tr)
    print("sklearn valid accuracy", accuracy_score(y_va, lr.predict(X_va)))
    torch.manual_seed(0)
    mod = nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 10), nn.ReLU(), nn.Linear(10, 2))
    net = NetClassifier(mod, iterator_valid__shuffle=(form == "faulty"), lr=0.01, logdir=logdir)
    net.fit(X_tr, y_tr, X_va, y_va)
    acc = accuracy_score(y_va, net.predict(X_va))
    net.writer.close()
    print(f"RESULT valid_accuracy {acc:.4f}")
