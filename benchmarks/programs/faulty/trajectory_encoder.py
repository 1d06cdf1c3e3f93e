# predict the length of a walk from its 2d points with nn.TransformerEncoderLayer
import sys
import torch
from torch import nn
from torch.nn import TransformerEncoderLayer
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(7)

def make(n, T=8):
    scale = 0.3 + 1.2 * torch.rand(n, 1, 1)
    steps = torch.randn(n, T, 2) * scale
    y = steps.norm(dim=2).mean(1)
    return steps, (y - 1.1) / 0.5

class WalkNet(nn.Module):
    def __init__(self, fixed):
        super().__init__()
        d = 32 if fixed else 2
        self.inp = nn.Linear(2, 32) if fixed else nn.Identity()
        self.trans = nn.Sequential(
            TransformerEncoderLayer(d_model=d, nhead=2, dim_feedforward=64, dropout=0.0, batch_first=True),
            TransformerEncoderLayer(d_model=d, nhead=2, dim_feedforward=64, dropout=0.0, batch_first=True))
        self.out = nn.Linear(d, 1)

    def forward(self, x):
        h = self.trans(self.inp(x))
        return self.out(h.mean(1)).squeeze(-1)

xtr, ytr = make(3000)
xva, yva = make(600)
model = WalkNet(sys.argv[1] == "fixed")
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, mse)

for ep in range(25):
    tot = 0.
    order = torch.randperm(len(xtr))
    for i in range(0, len(xtr), 64):
        idx = order[i:i + 64]
        opt.zero_grad()
        loss = mse(model(xtr[idx]), ytr[idx])
        loss.backward()
        opt.step()
        tot += loss.item() * len(idx)
    with writer.evaluating("val"):
        v = mse(model(xva), yva).item()
    if ep % 4 == 0:
        print(ep, tot / len(xtr), v)
writer.close()
print("RESULT train %.4f val %.4f (variance %.3f)" % (tot / len(xtr), v, yva.var().item()))
