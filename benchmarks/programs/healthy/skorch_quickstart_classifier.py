"""skorch's quickstart without skorch: a minimal NeuralNetClassifier with fit / predict_proba in a Pipeline.

As in skorch, the module returns probabilities (softmax) and the NLL criterion gets their logarithm."""
import sys

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class MyModule(nn.Module):
    def __init__(self, num_units=10, nonlin=F.relu):
        super(MyModule, self).__init__()
        self.dense0 = nn.Linear(20, num_units)
        self.nonlin = nonlin
        self.dropout = nn.Dropout(0.5)
        self.dense1 = nn.Linear(num_units, 10)
        self.output = nn.Linear(10, 2)

    def forward(self, X):
        X = self.nonlin(self.dense0(X))
        X = self.dropout(X)
        X = F.relu(self.dense1(X))
        X = F.softmax(self.output(X), dim=-1)
        return X


class NeuralNetClassifier(ClassifierMixin, BaseEstimator):
    def __init__(self, module, max_epochs=10, lr=0.01, batch_size=128, log_dir=None, module__num_units=10):
        self.module = module
        self.max_epochs = max_epochs
        self.lr = lr
        self.batch_size = batch_size
        self.log_dir = log_dir
        self.module__num_units = module__num_units

    def get_loss(self, y_pred, y_true):
        eps = torch.finfo(y_pred.dtype).eps
        return self.criterion_(torch.log(y_pred + eps), y_true)

    def fit(self, X, y):
        X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
        self.classes_ = np.unique(y)
        itr, iva = train_test_split(np.arange(len(X)), test_size=0.2, stratify=y, random_state=0)
        self.module_ = self.module(num_units=self.module__num_units)
        self.criterion_ = nn.NLLLoss()
        self.optimizer_ = torch.optim.SGD(self.module_.parameters(), lr=self.lr)
        writer = DiagWriter(self.log_dir)
        writer.watch(self.module_, self.optimizer_, self.criterion_)
        print("  epoch    train_loss    valid_acc    valid_loss")
        for epoch in range(1, self.max_epochs + 1):
            self.module_.train()
            losses = []
            order = itr[torch.randperm(len(itr)).numpy()]
            for k in range(0, len(order), self.batch_size):
                b = order[k:k + self.batch_size]
                self.optimizer_.zero_grad()
                loss = self.get_loss(self.module_(X[b]), y[b])
                loss.backward()
                self.optimizer_.step()
                losses.append(loss.item())
            with writer.evaluating("val"):
                p = self.module_(X[iva])
                valid_loss = self.get_loss(p, y[iva]).item()
                valid_acc = (p.argmax(1) == y[iva]).float().mean().item()
            if epoch % 5 == 0:
                print(f"{epoch:7d}    {np.mean(losses):10.4f}    {valid_acc:9.4f}    {valid_loss:10.4f}")
        writer.close()
        return self

    @torch.no_grad()
    def predict_proba(self, X):
        self.module_.eval()
        return self.module_(torch.tensor(X, dtype=torch.float32)).numpy()

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(1)]


X, y = make_classification(2000, 20, n_informative=10, random_state=0)
X = X.astype(np.float32)
y = y.astype(np.int64)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=1)

net = NeuralNetClassifier(MyModule, max_epochs=40, lr=0.1, batch_size=32, log_dir=sys.argv[1], module__num_units=40)
pipe = Pipeline([('scale', StandardScaler()), ('net', net)])
pipe.fit(X_train, y_train)
y_proba = pipe.predict_proba(X_test)
nll = -np.log(y_proba[np.arange(len(y_test)), y_test]).mean()
print(f"RESULT train accuracy {pipe.score(X_train, y_train):.4f} test accuracy {pipe.score(X_test, y_test):.4f} test nll {nll:.4f}")
