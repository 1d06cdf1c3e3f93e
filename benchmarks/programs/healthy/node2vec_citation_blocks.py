# pyg examples/node2vec.py without PyG: walks with p = q = 1, positive and negative samples, then a logistic regression
import sys
import numpy as np
import torch
from torch.utils.data import DataLoader
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(12)
rng = np.random.RandomState(12)
EPS = 1e-15

# a citation graph like Cora: 7 communities, mean degree 4
num_nodes, K = 1400, 7
y = rng.randint(0, K, num_nodes)
nbrs = [[] for _ in range(num_nodes)]
for a in range(num_nodes):
    for _ in range(2 + (rng.rand() < .3)):
        same = rng.rand() < 0.8
        b = rng.choice(np.flatnonzero(y == y[a])) if same else rng.randint(num_nodes)
        nbrs[a].append(b); nbrs[b].append(a)
deg = torch.tensor([len(n) for n in nbrs])
table = torch.tensor([(n * 60)[:60] if len(n) <= 60 else n[:60] for n in nbrs])


class Node2Vec(torch.nn.Module):
    def __init__(self, num_nodes, embedding_dim, walk_length, context_size, walks_per_node=1, num_negative_samples=1):
        super().__init__()
        self.walk_length = walk_length - 1
        self.context_size = context_size
        self.walks_per_node = walks_per_node
        self.num_negative_samples = num_negative_samples
        self.num_nodes = num_nodes
        self.embedding = torch.nn.Embedding(num_nodes, embedding_dim, sparse=True)

    def forward(self, batch=None):
        emb = self.embedding.weight
        return emb if batch is None else emb[batch]

    def windows(self, rw):
        return torch.cat([rw[:, j:j + self.context_size] for j in range(rw.size(1) - self.context_size + 1)])

    def pos_sample(self, batch):
        rw = [batch.repeat(self.walks_per_node)]
        for _ in range(self.walk_length):
            cur = rw[-1]
            rw.append(table[cur, (torch.rand(len(cur)) * deg[cur].clamp(max=60)).long()])
        return self.windows(torch.stack(rw, 1))

    def neg_sample(self, batch):
        batch = batch.repeat(self.walks_per_node * self.num_negative_samples)
        rw = torch.randint(self.num_nodes, (batch.size(0), self.walk_length))
        return self.windows(torch.cat([batch.view(-1, 1), rw], dim=-1))

    def part(self, rw):
        start, rest = rw[:, 0], rw[:, 1:].contiguous()
        h_start = self.embedding(start).view(rw.size(0), 1, -1)
        h_rest = self.embedding(rest.view(-1)).view(rw.size(0), rest.size(1), -1)
        return (h_start * h_rest).sum(dim=-1).view(-1)

    def loss(self, pos_rw, neg_rw):
        pos_loss = -torch.log(torch.sigmoid(self.part(pos_rw)) + EPS).mean()
        neg_loss = -torch.log(1 - torch.sigmoid(self.part(neg_rw)) + EPS).mean()
        return pos_loss + neg_loss


model = Node2Vec(num_nodes, embedding_dim=32, walk_length=10, context_size=5, walks_per_node=2)
loader = DataLoader(range(num_nodes), collate_fn=lambda b: (model.pos_sample(torch.tensor(b)), model.neg_sample(torch.tensor(b))),
                    batch_size=128, shuffle=True)
optimizer = torch.optim.SparseAdam(list(model.parameters()), lr=0.01)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)


def train():
    model.train()
    total_loss = 0
    for pos_rw, neg_rw in loader:
        optimizer.zero_grad()
        loss = model.loss(pos_rw, neg_rw)
        loss.backward()
        optimizer.step()
        total_loss += loss.item()
    return total_loss / len(loader)


@torch.no_grad()
def test():
    model.eval()
    z = model().numpy()
    clf = LogisticRegression(max_iter=150).fit(z[:700], y[:700])
    return clf.score(z[700:], y[700:])


for epoch in range(1, 81):
    loss = train()
    if epoch % 10 == 0:
        acc = test()
        print(f'Epoch: {epoch:03d}, Loss: {loss:.4f}, Acc: {acc:.4f}')
writer.close()
print(f'RESULT loss {loss:.4f} node classification accuracy {acc:.4f}')
