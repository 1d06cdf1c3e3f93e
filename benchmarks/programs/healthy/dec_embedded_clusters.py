"""Deep embedded clustering (Xie 2016; after vlukiyanov/pt-dec): pretrained autoencoder, then KL(target || soft assignment).
The second phase is watched: its loss is a small KL that starts near its end and need not fall much."""
import sys
import numpy as np
import torch
import torch.nn as nn
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0); np.random.seed(0)


def cluster_accuracy(y_true, y_pred, k=10):
    count = np.zeros((k, k), dtype=int)
    np.add.at(count, (y_pred, y_true), 1)
    r, c = linear_sum_assignment(-count)
    return count[r, c].sum() / len(y_true)


class ClusterAssignment(nn.Module):
    def __init__(self, centers, alpha=1.0):
        super().__init__()
        self.alpha, self.cluster_centers = alpha, nn.Parameter(centers)

    def forward(self, z):
        d = ((z.unsqueeze(1) - self.cluster_centers) ** 2).sum(2)
        num = (1.0 / (1.0 + d / self.alpha)) ** ((self.alpha + 1) / 2)
        return num / num.sum(1, keepdim=True)


class DEC(nn.Module):
    def __init__(self, encoder, centers):
        super().__init__()
        self.encoder, self.assignment = encoder, ClusterAssignment(centers)

    def forward(self, x):
        return self.assignment(self.encoder(x))


def target_distribution(q):
    w = q ** 2 / q.sum(0)
    return (w.t() / w.sum(1)).t()


X, y = load_digits(return_X_y=True)
X = torch.tensor(X / 16, dtype=torch.float32)
X = (X - X.mean()) / X.std()
encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
decoder = nn.Sequential(nn.Linear(10, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 64))
pre = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
for epoch in range(50):
    for b in torch.randperm(len(X)).split(128):
        loss = nn.functional.mse_loss(decoder(encoder(nn.functional.dropout(X[b], .2))), X[b])
        pre.zero_grad(); loss.backward(); pre.step()
print("reconstruction", loss.item())
with torch.no_grad():
    Z = encoder(X)
km = KMeans(10, n_init=20, random_state=0).fit(Z.numpy())
acc0 = cluster_accuracy(y, km.labels_)

model = DEC(encoder, torch.tensor(km.cluster_centers_))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
loss_function = nn.KLDivLoss(reduction="batchmean")
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_function)
for epoch in range(20):
    for b in torch.randperm(len(X)).split(64):
        output = model(X[b])
        target = target_distribution(output).detach()
        loss = loss_function(output.log(), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        pred = model(X).argmax(1).numpy()
    if epoch % 5 == 4:
        print(epoch, f"{loss.item():.4f} acc {cluster_accuracy(y, pred):.4f}")
writer.close()
print(f"RESULT KL {loss.item():.4f} cluster accuracy k-means on codes {acc0:.3f} -> DEC {cluster_accuracy(y, pred):.3f}")
