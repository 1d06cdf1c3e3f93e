# Switched the optimizer of the skorch MNIST notebook from Adadelta to Adam.
# python skorch_like_garments_adam.py [faulty|fixed] logdir
import sys
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(0)
torch.manual_seed(0)


def draw(kind, rs):
    """Small 16x16 silhouettes: shirt, trousers, dress, bag, shoe, coat."""
    im = np.zeros((16, 16))
    w = rs.randint(4, 7)
    t, b = rs.randint(1, 4), rs.randint(12, 15)
    c = 8 + rs.randint(-1, 2)
    if kind in (0, 5):      # shirt / coat: the coat is longer and darker
        im[t:b - (3 if kind == 0 else 0), c - w // 2 - 1:c + w // 2 + 1] = .8
        im[t:t + rs.randint(3, 6 if kind == 0 else 9), max(c - w - 1, 0):c + w + 1] = .7
    elif kind == 1:
        im[t:t + 3, c - w // 2:c + w // 2] = .8
        im[t:b, c - w // 2:c - 1] = .8
        im[t:b, c + 1:c + w // 2] = .8
    elif kind == 2:
        for r in range(t, b):
            h = 1 + (r - t) * w // (b - t + 2)
            im[r, max(c - h, 0):c + h] = .8
    elif kind == 3:
        im[t + 5:b, c - w:c + w] = .8
        im[t + 2:t + 5, c - 3] = im[t + 2:t + 5, c + 2] = im[t + 2, c - 3:c + 3] = .7
    else:
        im[b - 4:b, c - w:c + w] = .8
        im[b - rs.randint(5, 9):b, c + 1:c + w] = .8
    im = im * rs.uniform(.4, 1.1) + .28 * rs.randn(16, 16)
    return im.astype(np.float32)


rs = np.random.RandomState(3)
y = rs.randint(0, 6, 4200)
X = np.stack([draw(k, rs) for k in y])[:, None]


class Cnn(nn.Module):
    def __init__(self, dropout=0.25):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, kernel_size=3)
        self.conv2 = nn.Conv2d(8, 16, kernel_size=3)
        self.conv2_drop = nn.Dropout2d(p=dropout)
        self.fc1 = nn.Linear(64, 48)
        self.fc2 = nn.Linear(48, 6)
        self.fc1_drop = nn.Dropout(p=dropout)

    def forward(self, x):
        x = torch.relu(F.max_pool2d(self.conv1(x), 2))
        x = torch.relu(F.max_pool2d(self.conv2_drop(self.conv2(x)), 2))
        x = x.view(-1, x.size(1) * x.size(2) * x.size(3))
        x = torch.relu(self.fc1_drop(self.fc1(x)))
        return self.fc2(x)


class NeuralNetClassifier:
    """the few methods of skorch's class that the notebook uses"""

    def __init__(self, module, max_epochs, lr, optimizer, batch_size=64):
        self.module, self.max_epochs, self.lr, self.optimizer, self.batch_size = module, max_epochs, lr, optimizer, batch_size

    def fit(self, X, y):
        self.module_ = self.module()
        self.criterion_ = nn.CrossEntropyLoss()
        self.optimizer_ = self.optimizer(self.module_.parameters(), lr=self.lr)
        writer = DiagWriter(sys.argv[2])
        writer.watch(self.module_, self.optimizer_, self.criterion_)
        X, y = torch.from_numpy(X), torch.from_numpy(y)
        n = int(len(X) * .8)
        print("  epoch    train_loss    valid_acc    valid_loss")
        for epoch in range(1, self.max_epochs + 1):
            self.module_.train()
            losses = []
            for idx in torch.randperm(n).split(self.batch_size):
                self.optimizer_.zero_grad()
                loss = self.criterion_(self.module_(X[idx]), y[idx])
                loss.backward()
                self.optimizer_.step()
                losses.append(loss.item())
            self.module_.eval()
            with torch.no_grad(), writer.evaluating("val"):
                out = self.module_(X[n:])
                vl = self.criterion_(out, y[n:]).item()
                va = (out.argmax(1) == y[n:]).float().mean().item()
            print(f"{epoch:7d}    {np.mean(losses):10.4f}    {va:9.4f}    {vl:10.4f}")
        writer.close()
        return vl, va


if sys.argv[1] == "faulty":
    cnn = NeuralNetClassifier(Cnn, max_epochs=14, lr=0.1, optimizer=torch.optim.Adam)
else:
    cnn = NeuralNetClassifier(Cnn, max_epochs=14, lr=0.003, optimizer=torch.optim.Adam)
vl, va = cnn.fit(X, y)
print(f"RESULT valid_loss {vl:.4f} valid_acc {va:.4f}")
