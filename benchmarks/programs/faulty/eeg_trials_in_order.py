"""Motor imagery / rest trials of one session, ShallowFBCSPNet-like net, trained through a small
skorch style classifier (EEGClassifier). Trials are stored condition by condition (runs)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(20200420)
torch.manual_seed(20200420)
N_CH, N_T, CLASSES = 8, 100, 4


def trials(n_per_class):
    mix = np.random.RandomState(1).randn(CLASSES, N_CH)                  # source patterns: left, right, feet, rest
    X, y = [], []
    t = np.arange(N_T) / 100.0
    for k in range(CLASSES):
        for _ in range(n_per_class):
            x = 1.0 * np.random.randn(N_CH, N_T)
            for src in range(CLASSES):
                # desynchronisation of the rhythm over the active area
                amp = np.random.gamma(4, 0.22) * (0.30 if src == k else 1.0)
                f = np.random.normal(11, 1.0)
                x += np.outer(mix[src], amp * np.sin(2 * np.pi * f * t + np.random.rand() * 6.28))
            X.append(x); y.append(k)
    return np.array(X, dtype="float32"), np.array(y)


class ShallowFBCSPNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv_time = nn.Conv2d(1, 10, (1, 17), bias=False)
        self.conv_spat = nn.Conv2d(10, 16, (N_CH, 1), bias=False)
        self.bnorm = nn.BatchNorm2d(16)
        self.pool = nn.AvgPool2d((1, 28), stride=(1, 14))
        self.drop = nn.Dropout(0.25)
        self.conv_classifier = nn.Linear(16 * 5, CLASSES)

    def forward(self, x):
        x = self.bnorm(self.conv_spat(self.conv_time(x[:, None])))
        x = torch.log(self.pool(x * x).clamp(min=1e-6))
        return self.conv_classifier(self.drop(x.flatten(1)))


class EEGClassifier:
    def __init__(self, module, lr, max_epochs, batch_size, logdir, **kwargs):
        self.module_, self.max_epochs, self.batch_size = module, max_epochs, batch_size
        self.iterator_train__shuffle = kwargs.get("iterator_train__shuffle", False)
        self.criterion_ = nn.CrossEntropyLoss()
        self.optimizer_ = torch.optim.Adam(module.parameters(), lr=lr)
        self.writer = DiagWriter(logdir)
        self.writer.watch(module, self.optimizer_, self.criterion_)

    def fit(self, train_set, valid_set):
        it = DataLoader(train_set, batch_size=self.batch_size, shuffle=self.iterator_train__shuffle)
        vit = DataLoader(valid_set, batch_size=100)
        for epoch in range(1, self.max_epochs + 1):
            self.module_.train()
            tl = []
            for X, y in it:
                self.optimizer_.zero_grad()
                loss = self.criterion_(self.module_(X), y)
                loss.backward()
                self.optimizer_.step()
                tl.append(loss.item())
            self.module_.eval()
            vl, va = [], []
            with torch.no_grad(), self.writer.evaluating("val"):
                for X, y in vit:
                    o = self.module_(X)
                    vl.append(self.criterion_(o, y).item()); va.append((o.argmax(1) == y).float().mean().item())
            print(f"{epoch:5d}  train_loss {np.mean(tl):.4f}  valid_acc {np.mean(va):.4f}  valid_loss {np.mean(vl):.4f}")
        self.writer.close()
        return np.mean(tl), np.mean(vl), np.mean(va)


kw = {} if sys.argv[1] == "faulty" else {"iterator_train__shuffle": True}
X, y = trials(260)
Xv, yv = trials(100)
o = np.random.permutation(len(yv)); Xv, yv = Xv[o], yv[o]
sd = X.std()
clf = EEGClassifier(ShallowFBCSPNet(), lr=2e-3, max_epochs=16, batch_size=32, logdir=sys.argv[2], **kw)
t, v, a = clf.fit(TensorDataset(torch.tensor(X / sd), torch.tensor(y)), TensorDataset(torch.tensor(Xv / sd), torch.tensor(yv)))
print(f"RESULT train={t:.4f} valid={v:.4f} valid_acc={a:.4f}")
