import sys
import argparse
import torch
import torch.nn.functional as F
from torch.nn import Linear, Module
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("form")
ap.add_argument("logdir")
ap.add_argument("--hidden_channels", type=int, default=32)
ap.add_argument("--lr", type=float, default=0.01)
ap.add_argument("--epochs", type=int, default=200)
args = ap.parse_args()
torch.manual_seed(12345)
torch.set_num_threads(1)

# --- papers: 7 topics, sparse bag of words, citations mostly inside the topic -----------------------
N, C, W = 2400, 7, 300
y = torch.randint(0, C, (N,))
topic_word = torch.full((C, W), 0.02)
for c in range(C):
    topic_word[c, torch.randperm(W)[:18]] = 0.065
x = (torch.rand(N, W) < topic_word[y]).float()
edges = []
by_topic = [torch.where(y == c)[0] for c in range(C)]
for i in range(N):
    for _ in range(int(torch.randint(1, 4, (1,)))):
        pool = by_topic[y[i]] if torch.rand(1) < 0.82 else torch.arange(N)
        j = int(pool[torch.randint(len(pool), (1,))])
        edges.append([i, j])
        edges.append([j, i])

edge_index = torch.tensor(edges, dtype=torch.long)                 # [num_edges, 2]
if args.form == "faulty":
    edge_index = edge_index.view(2, -1)                            # [2, num_edges]
else:
    edge_index = edge_index.t().contiguous()                       # [2, num_edges]
print("edge_index", tuple(edge_index.shape))
r = torch.rand(N)
train_mask, val_mask = r < 0.5, (r >= 0.5) & (r < 0.75)


def gcn_norm(ei, n):
    loops = torch.arange(n).repeat(2, 1)
    ei = torch.cat([ei, loops], 1)
    deg = torch.bincount(ei[1], minlength=n).float()
    w = deg[ei[0]].pow(-.5) * deg[ei[1]].pow(-.5)
    return torch.sparse_coo_tensor(torch.stack([ei[1], ei[0]]), w.nan_to_num(0, 0, 0), (n, n)).coalesce()


class GCNConv(Module):
    def __init__(self, i, o):
        super().__init__()
        self.lin = Linear(i, o)

    def forward(self, x, adj):
        return torch.sparse.mm(adj, self.lin(x))


class GCN(Module):
    def __init__(self):
        super().__init__()
        self.conv1 = GCNConv(W, args.hidden_channels)
        self.conv2 = GCNConv(args.hidden_channels, C)

    def forward(self, x, adj):
        x = F.dropout(x, p=.5, training=self.training)
        x = self.conv1(x, adj).relu()
        x = F.dropout(x, p=.5, training=self.training)
        return self.conv2(x, adj)


adj = gcn_norm(edge_index, N)
x = x / x.sum(1, keepdim=True).clamp(min=1)
model = GCN()
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, weight_decay=5e-4)
criterion = torch.nn.CrossEntropyLoss()
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, criterion)


def train():
    model.train()
    optimizer.zero_grad()
    loss = criterion(model(x, adj)[train_mask], y[train_mask])
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def test():
    model.eval()
    with writer.evaluating("val"):
        out = model(x, adj)
        vloss = criterion(out[val_mask], y[val_mask]).item()
    pred = out.argmax(1)
    return vloss, (pred[train_mask] == y[train_mask]).float().mean().item(), (pred[val_mask] == y[val_mask]).float().mean().item()


for epoch in range(1, args.epochs + 1):
    loss = train()
    if epoch % 5 == 0:
        vloss, tr, va = test()
        if epoch % 20 == 0:
            print(f"Epoch: {epoch:03d}, Loss: {loss:.4f}, Val loss: {vloss:.4f}, Train: {tr:.4f}, Val: {va:.4f}")
writer.close()
print(f"RESULT train_loss={loss:.4f} val_loss={vloss:.4f} train_acc={tr:.4f} val_acc={va:.4f}")
