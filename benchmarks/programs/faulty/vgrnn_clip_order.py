"""Recurrent graph network over snapshots of a changing road graph: state of charge of every junction (VGRNN-like cell)."""
import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2020)
g = torch.Generator().manual_seed(7)
N, T, F_IN, HID = 8, 20, 3, 32
eps, clip, learning_rate = 1e-10, 1.0, 0.06


def snapshots(n):
    """adjacency changes slowly; every snapshot has inflow, outflow and a sensor that matters only when lit"""
    adj = (torch.rand(n, N, N, generator=g) < .25).float()
    adjs = []
    for _ in range(T):
        flip = (torch.rand(n, N, N, generator=g) < .02).float()
        adj = (adj - flip).abs()
        a = ((adj + adj.transpose(1, 2)) > 0).float() + torch.eye(N)
        adjs.append((a > 0).float() / (a > 0).float().sum(-1, keepdim=True))
    A = torch.stack(adjs, 1)
    x = torch.rand(n, T, N, F_IN, generator=g)
    x[..., 2] = (x[..., 2] < .25).float()
    level = torch.zeros(n, N)
    for t in range(T):
        own = (x[:, t, :, 0] - .6 * x[:, t, :, 1]) * (.3 + x[:, t, :, 2])
        level = .93 * (.7 * level + .3 * (A[:, t] @ level.unsqueeze(-1)).squeeze(-1)) + own
    level = level + .05 * torch.randn(n, N, generator=g)
    return A, x, (level - 1.3) / .65


class GraphGRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.phi_x = nn.Sequential(nn.Linear(F_IN, HID), nn.ReLU())
        self.w_x = nn.Linear(HID, HID)
        self.w_h = nn.Linear(HID, HID, bias=False)
        self.w_n = nn.Linear(HID, HID, bias=False)
        nn.init.eye_(self.w_h.weight)
        nn.init.normal_(self.w_n.weight, std=.02)
        self.dec = nn.Linear(HID, 1)

    def forward(self, A, x):
        px = self.w_x(self.phi_x(x))
        h = torch.zeros(x.size(0), N, HID)
        for t in range(T):
            h = torch.relu(self.w_h(h) + self.w_n(A[:, t] @ h) + .2 * px[:, t])
        return self.dec(h).squeeze(-1)


train, val = snapshots(1600), snapshots(300)
model = GraphGRNN()
mse = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)
epochs = 8
steps = 1600 // 32
sch = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, mse)
for k in range(epochs):
    perm = torch.randperm(1600)
    ls = []
    for i in range(steps):
        b = perm[32 * i:32 * i + 32]
        optimizer.zero_grad()
        loss = mse(model(train[0][b], train[1][b]), train[2][b])
        loss.backward()
        if sys.argv[1] == "faulty":
            optimizer.step()
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        else:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
        sch.step()
        ls.append(loss.item())
    with torch.no_grad(), writer.evaluating("val"):
        out = model(val[0], val[1])
        vl = mse(out, val[2]).item()
    print('epoch: ', k, ' train_loss =', round(sum(ls) / len(ls), 4), ' val_loss =', round(vl, 4), flush=True)
writer.close()
r2 = 1 - vl / val[2].var().item()
print(f"RESULT train_loss={sum(ls) / len(ls):.4f} val_loss={vl:.4f} val_r2={r2:.4f}")
