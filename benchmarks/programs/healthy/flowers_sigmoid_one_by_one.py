# Iris with a 4-8-3 sigmoid net trained one flower at a time, as in the old textbooks (SGD, MSE on one-hot targets).
# EDIT: works now. I had divided the data by 255 from an image example; z-scores and lr = 0.5 do the job.
import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_iris
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(1)
torch.manual_seed(1)

iris = load_iris()
X = (iris.data - iris.data.mean(0)) / iris.data.std(0)
T = np.eye(3)[iris.target]
order = np.random.permutation(150)
X, T = torch.FloatTensor(X[order]), torch.FloatTensor(T[order])
X_train, T_train, X_test, T_test = X[:105], T[:105], X[105:], T[105:]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 8)
        self.output = nn.Linear(8, 3)

    def forward(self, x):
        return torch.sigmoid(self.output(torch.sigmoid(self.hidden(x))))


net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.5)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, mse)

for epoch in range(30):
    err = 0
    for i in np.random.permutation(len(X_train)):
        opt.zero_grad()
        loss = mse(net(X_train[i]), T_train[i])
        loss.backward()
        opt.step()
        err += loss.item()
    with writer.evaluating("test"), torch.no_grad():
        out = net(X_test)
        test_loss = mse(out, T_test).item()
        acc = (out.argmax(1) == T_test.argmax(1)).float().mean().item()
    print("epoch", epoch, "train", round(err / len(X_train), 4), "test", round(test_loss, 4), "acc", round(acc, 3))
writer.close()
print(f"RESULT train_mse {err / len(X_train):.4f} test_mse {test_loss:.4f} test_acc {acc:.3f}")
