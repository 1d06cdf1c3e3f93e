"""Softmax regression on iris, the parts written by hand (parameters, softmax, cross entropy), as in the first chapters of a course."""
import sys
import torch
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(9)
lr = float(sys.argv[1]) if len(sys.argv) > 2 else 0.6

X, y = load_iris(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=9)
mean, std = X_train.mean(0), X_train.std(0)
X_train = torch.tensor((X_train - mean) / std, dtype=torch.float32)
X_test = torch.tensor((X_test - mean) / std, dtype=torch.float32)
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)


class SoftmaxRegression(torch.nn.Module):
    def __init__(self, num_inputs, num_outputs, sigma=0.01):
        super().__init__()
        self.W = torch.nn.Parameter(torch.normal(0, sigma, size=(num_inputs, num_outputs)))
        self.b = torch.nn.Parameter(torch.zeros(num_outputs))

    def forward(self, X):
        return X @ self.W + self.b


def cross_entropy(o, y):
    log_p = o - torch.logsumexp(o, dim=1, keepdim=True)
    return -log_p[torch.arange(len(y)), y].mean()


net = SoftmaxRegression(4, 3)
trainer = torch.optim.SGD(net.parameters(), lr=lr, weight_decay=4e-3)
writer = DiagWriter(sys.argv[-1])
writer.watch(net, trainer, cross_entropy)
for epoch in range(300):
    for idx in torch.randperm(len(y_train)).split(35):
        l = writer.loss_fn(net(X_train[idx]), y_train[idx])
        trainer.zero_grad()
        l.backward()
        trainer.step()
    if epoch % 10 == 9:
        with writer.evaluating("val"):
            out = net(X_test)
            vl = writer.loss_fn(out, y_test).item()
        if epoch % 50 == 49:
            print(f"epoch {epoch + 1}, loss {l.item():.4f}, val {vl:.4f}")
writer.close()
ref = LogisticRegression(max_iter=1000).fit(X_train, y_train)
print(f"RESULT val_loss {vl:.4f} val_acc {(out.argmax(1) == y_test).float().mean():.4f} logreg_loss {log_loss(y_test, ref.predict_proba(X_test)):.4f} logreg_acc {ref.score(X_test, y_test):.4f}")
