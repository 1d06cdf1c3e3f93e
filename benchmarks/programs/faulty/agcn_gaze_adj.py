"""Attention-guided graph convolution (A-GCN) for gaze targets.

Every image is a small graph: node 0 is the head of the person with a gaze descriptor, the
other nodes are detected objects (appearance descriptor + soft detector scores).  The adjacency
is not given, it is computed from the node features with two learned projections.
Predict the category of the object that is being looked at.
"""
import sys
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(3)

N_OBJ, D_DESC, N_CLS = 8, 6, 6
D_IN = D_DESC + N_CLS + 1


def make_graphs(n):
    desc = torch.randn(n, N_OBJ, D_DESC)
    cat = torch.randint(0, N_CLS, (n, N_OBJ))
    target = torch.randint(0, N_OBJ, (n,))
    rows = torch.arange(n)
    gaze = desc[rows, target] + 0.45 * torch.randn(n, D_DESC)
    scores = F.one_hot(cat, N_CLS).float() + 0.3 * torch.randn(n, N_OBJ, N_CLS)
    objs = torch.cat([desc, scores, torch.zeros(n, N_OBJ, 1)], -1)
    head = torch.cat([gaze, torch.zeros(n, N_CLS), torch.ones(n, 1)], -1).unsqueeze(1)
    return torch.cat([head, objs], 1), cat[rows, target]


class AGraphConv(nn.Module):
    def __init__(self, dim, inter):
        super().__init__()
        self.W_theta = nn.Linear(dim, inter, bias=False)
        self.W_phi = nn.Linear(dim, inter, bias=False)
        self.g = nn.Linear(dim, dim)
        self.inter = inter

    def get_adj(self, x):
        sim = torch.matmul(self.W_theta(x), self.W_phi(x).transpose(1, 2)) / math.sqrt(self.inter)
        return F.softmax(sim, dim=-1)

    def forward(self, x):
        adj = self.get_adj(x)
        if mode == "faulty":
            adj = adj.detach()
        return x + F.relu(torch.matmul(adj, self.g(x)))


class AGCN(nn.Module):
    def __init__(self, hid=48):
        super().__init__()
        self.embed = nn.Linear(D_IN, hid)
        self.gc1 = AGraphConv(hid, 24)
        self.gc2 = AGraphConv(hid, 24)
        self.cls = nn.Sequential(nn.Linear(hid, hid), nn.ReLU(), nn.Linear(hid, N_CLS))

    def forward(self, x):
        h = self.embed(x)
        h = self.gc2(self.gc1(h))
        return self.cls(h[:, 0])


train_set = TensorDataset(*make_graphs(9600))
val_set = TensorDataset(*make_graphs(1500))
train_loader = DataLoader(train_set, batch_size=48, shuffle=True)
val_loader = DataLoader(val_set, batch_size=500)

net = AGCN()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
EPOCHS = 7
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * len(train_loader))

writer = DiagWriter(logdir)
writer.watch(net, optimizer, criterion)


def validate():
    net.eval()
    tot, hit = 0.0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for x, y in val_loader:
            out = net(x)
            tot += criterion(out, y).item() * len(y)
            hit += (out.argmax(1) == y).sum().item()
    return tot / len(val_set), hit / len(val_set)


for epoch in range(EPOCHS):
    net.train()
    run = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
        run += loss.item()
    vl, va = validate()
    print(f"epoch {epoch}: train {run / len(train_loader):.4f}  val {vl:.4f}  acc {va:.4f}")

writer.close()
print(f"RESULT train_loss={run / len(train_loader):.4f} val_loss={vl:.4f} val_acc={va:.4f}")
