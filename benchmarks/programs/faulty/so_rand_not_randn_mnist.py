"""Own ANN class (two hidden sigmoid layers, softmax on top, one cost per sample batch) for handwritten digits.
The numpy original initialises with np.random.rand(x_dim, layers_dim) * np.sqrt(1 / x_dim).
"""
import sys

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
FAULTY = sys.argv[1] == "faulty"
np.random.seed(11)
torch.manual_seed(11)


class ANN(torch.nn.Module):
    def __init__(self, x_dim, y_dim, layers_dim):
        super().__init__()
        draw = np.random.rand if FAULTY else np.random.randn

        def weight(i, o):
            return torch.nn.Parameter(torch.tensor(draw(i, o) * np.sqrt(1 / i), dtype=torch.float32))

        self.W1, self.W2, self.W3 = weight(x_dim, layers_dim), weight(layers_dim, layers_dim), weight(layers_dim, y_dim)
        self.b1 = torch.nn.Parameter(torch.zeros(layers_dim))
        self.b2 = torch.nn.Parameter(torch.zeros(layers_dim))
        self.b3 = torch.nn.Parameter(torch.zeros(y_dim))

    def forward(self, a0):
        a1 = torch.sigmoid(a0 @ self.W1 + self.b1)
        a2 = torch.sigmoid(a1 @ self.W2 + self.b2)
        return a2 @ self.W3 + self.b3           # softmax is in the cost


digits = load_digits()
imgs = np.kron(digits.images / 16., np.ones((1, 3, 3)))               # 24 x 24, like the 28 x 28 of MNIST
imgs = np.clip(imgs + np.random.normal(0, .1, imgs.shape), 0, 1).reshape(len(imgs), -1).astype("float32")
Xtr, Xte, ytr, yte = map(torch.as_tensor, train_test_split(imgs, digits.target, test_size=.25, random_state=0, stratify=digits.target))

ann = ANN(Xtr.shape[1], 10, 100)
cost = torch.nn.CrossEntropyLoss()
sgd = torch.optim.SGD(ann.parameters(), lr=0.3)
writer = DiagWriter(sys.argv[2])
writer.watch(ann, sgd, cost)

epoch = 0
while epoch < 60:
    order = torch.randperm(len(Xtr))
    for batch in order.split(20):
        sgd.zero_grad()
        c = cost(ann(Xtr[batch]), ytr[batch])
        c.backward()
        sgd.step()
    epoch += 1
    if epoch % 5 == 0:
        with torch.no_grad(), writer.evaluating("test"):
            z = ann(Xte)
            tc = cost(z, yte).item()
            acc = (z.argmax(1) == yte).float().mean().item()
        print(f"epoch {epoch}: cost {c.item():.3f} test cost {tc:.3f} accuracy {acc:.3f}")
writer.close()
print(f"RESULT test_loss {tc:.4f} test_acc {acc:.4f}")
