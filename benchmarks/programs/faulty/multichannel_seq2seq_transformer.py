import sys, math
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(12)

T, C = 20, 6


def make(n, seed):
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(2 * T).float()
    f = 0.08 + 0.25 * torch.rand(n, 3, 1, generator=g)
    ph = 6.28 * torch.rand(n, 3, 1, generator=g)
    src = torch.sin(f * t + ph)                                    # n,3,2T
    mix = torch.tensor([[1, .5, 0], [0, 1, .5], [.5, 0, 1], [-1, .4, .4], [.3, -1, .3], [.6, .6, -.6]])
    y = torch.einsum("cs,nst->ntc", mix, src) + 0.1 * torch.randn(n, 2 * T, C, generator=g)
    return y[:, :T], y[:, T:]


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=100):
        super().__init__()
        pe = torch.zeros(max_len, d_model)
        pos = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe[:, 0::2] = torch.sin(pos * div)
        pe[:, 1::2] = torch.cos(pos * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[: x.size(1)]


class Model(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.inp = nn.Linear(C, d)
        self.tgt_in = nn.Linear(C, d)
        self.pos = PositionalEncoding(d)
        self.tr = nn.Transformer(d, 4, 1, 1, 64, dropout=0.05, batch_first=True)
        self.out = nn.Linear(d, C)

    def forward(self, x, tgt):
        mask = torch.triu(torch.ones(tgt.size(1), tgt.size(1), dtype=torch.bool), 1)
        h = self.tr(self.pos(self.inp(x)), self.tgt_in(tgt), tgt_mask=mask)
        return self.out(h)


model = Model()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=63 * 14)

xtr, ytr = make(2000, 1)
xva, yva = make(400, 2)
loader = DataLoader(TensorDataset(xtr, ytr), batch_size=32, shuffle=True)

writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)


def decoder_input(x, y):
    if mode == "faulty":
        return torch.zeros_like(y)
    return torch.cat([x[:, -1:], y[:, :-1]], dim=1)


for epoch in range(14):
    model.train()
    tot = 0.0
    for x, y in loader:
        pred = model(x, decoder_input(x, y))
        loss = criterion(pred, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sched.step()
        tot += loss.item() * len(x)
    with writer.evaluating("val"):
        pv = model(xva, decoder_input(xva, yva))
        v = criterion(pv, yva).item()
    print(f"epoch {epoch} train {tot / len(xtr):.4f} val {v:.4f} spread over time {pv.detach().std(1).mean():.3f}")
writer.close()
