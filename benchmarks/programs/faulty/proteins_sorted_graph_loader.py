# Graph classification (ENZYMES-like protein graphs), dense GIN with mean readout
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(12)
N, C = 24, 4


class ProteinGraphs(Dataset):
    """graphs in the order of the TU text files, i.e. one enzyme class after the other"""

    def __init__(self, per_class, seed):
        r = np.random.RandomState(seed)
        self.items = []
        for c in range(C):
            for _ in range(per_class):
                n = r.randint(14, N + 1)
                a = np.zeros((N, N), np.float32)
                for i in range(n - 1):
                    a[i, i + 1] = 1                                  # chain
                types = r.choice(3, n, p=[[.5, .3, .2], [.42, .38, .2], [.5, .2, .3], [.36, .34, .3]][c])
                reach = [4, 4, 7, 7][c]
                for i in range(n):
                    for j in range(i + 2, n):
                        pr = 0.28 if abs(i - j) in (reach - 1, reach) else 0.04
                        if types[i] == types[j]:
                            pr *= [1.5, .8, 1.4, .7][c]
                        a[i, j] = r.rand() < pr
                a = np.maximum(a, a.T)
                x = np.zeros((N, 4), np.float32)
                x[np.arange(n), types] = 1
                x[:n, 3] = a[:n].sum(1) / 4
                mask = np.zeros(N, np.float32); mask[:n] = 1
                self.items.append((x, a, mask, c))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class GIN(nn.Module):
    def __init__(self, d=4, h=48, layers=3):
        super().__init__()
        self.mlps = nn.ModuleList()
        for l in range(layers):
            self.mlps.append(nn.Sequential(nn.Linear(d if l == 0 else h, h), nn.ReLU(), nn.Linear(h, h)))
        self.eps = nn.Parameter(torch.zeros(layers))
        self.lin1, self.lin2 = nn.Linear(h * layers, h), nn.Linear(h, C)

    def forward(self, x, adj, mask):
        outs = []
        for l, mlp in enumerate(self.mlps):
            x = F.relu(mlp((1 + self.eps[l]) * x + adj @ x / 3)) * mask[..., None]
            outs.append(x.sum(1) / mask.sum(1, keepdim=True))
        return self.lin2(F.dropout(F.relu(self.lin1(torch.cat(outs, 1))), 0.3, self.training))


train_set, test_set = ProteinGraphs(450, 0), ProteinGraphs(120, 1)
train_loader = DataLoader(train_set, batch_size=32, shuffle=(sys.argv[1] != "faulty"))
test_loader = DataLoader(test_set, batch_size=96, shuffle=False)
model = GIN()
optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 30)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)


def train():
    model.train()
    s = 0
    for x, adj, mask, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x, adj, mask), y)
        loss.backward()
        optimizer.step()
        s += loss.item() * len(y)
    scheduler.step()
    return s / len(train_set)


@torch.no_grad()
def test():
    model.eval()
    s = c = 0
    with writer.evaluating("val"):
        for x, adj, mask, y in test_loader:
            out = model(x, adj, mask)
            s += criterion(out, y).item() * len(y)
            c += int((out.argmax(1) == y).sum())
    return s / len(test_set), c / len(test_set)


for epoch in range(1, 31):
    tl = train()
    vl, acc = test()
    print(f'Epoch: {epoch:03d}, Train Loss: {tl:.4f}, Test Loss: {vl:.4f}, Test Acc: {acc:.4f}')
writer.close()
print(f"RESULT train_loss={tl:.4f} val_loss={vl:.4f} val_acc={acc:.4f}")
