import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

# predict edges of a graph from node embeddings
mode, log = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(1)
rng = np.random.default_rng(1)

num_node, n_block = 300, 5
member = rng.integers(0, n_block, num_node)
P = np.where(member[:, None] == member[None, :], 0.55, 0.05)
A = np.triu(rng.random((num_node, num_node)) < P, 1)
pos_edge = torch.tensor(np.array(np.nonzero(A)))
non = np.array(np.nonzero(np.triu(~A, 1)))
neg_edge = torch.tensor(non[:, rng.choice(non.shape[1], pos_edge.shape[1], replace=False)])
edge = torch.cat([pos_edge, neg_edge], dim=1)
label = torch.cat([torch.ones(pos_edge.shape[1]), torch.zeros(neg_edge.shape[1])])
perm = torch.randperm(edge.shape[1])
n_test = edge.shape[1] // 5
test_edge, test_label = edge[:, perm[:n_test]], label[perm[:n_test]]
train_edge, train_label = edge[:, perm[n_test:]], label[perm[n_test:]]
print("edges", edge.shape[1])


class LinkNet(nn.Module):
    def __init__(self, n, dim=8):
        super().__init__()
        self.emb = nn.Embedding(n, dim)
        self.emb.weight.data.mul_(0.5)
        self.lin = nn.Linear(dim, 8, bias=False)
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, a, b):
        za, zb = self.lin(self.emb(a)), self.lin(self.emb(b))
        out = torch.sigmoid((za * zb).sum(dim=1) + self.bias)
        if mode == "faulty":
            out = torch.round(out)
        return out


emb = LinkNet(num_node)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(emb.parameters(), lr=0.01, weight_decay=1.5e-4)
writer = DiagWriter(log)
writer.watch(emb, optimizer, loss_fn)


def accuracy(pred, lab):
    return ((pred > 0.5).float() == lab).float().mean().item()


epochs, bs = 24, 128
for i in range(epochs):
    emb.train()
    order = torch.randperm(train_edge.shape[1])
    tot = 0
    for k in range(0, len(order), bs):
        ix = order[k:k + bs]
        optimizer.zero_grad()
        pred = emb(train_edge[0, ix], train_edge[1, ix])
        loss = loss_fn(pred, train_label[ix])
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(ix)
    emb.eval()
    with writer.evaluating("test"):
        pt = emb(test_edge[0], test_edge[1])
        tl = loss_fn(pt, test_label).item()
    print("Epoch %d loss %.4f test loss %.4f test acc %.3f" % (i, tot / len(order), tl, accuracy(pt, test_label)))
writer.close()
