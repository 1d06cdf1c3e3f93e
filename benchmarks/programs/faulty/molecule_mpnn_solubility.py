import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
mode, out = sys.argv[1], sys.argv[2]
torch.manual_seed(1)
N, ATOMS = 12, 5          # padded atoms, element kinds
weights_by_kind = torch.tensor([0.3, -0.9, -0.6, 1.0, 0.5])


def molecules(n):
    kind = torch.multinomial(torch.tensor([.5, .15, .15, .1, .1]), n * N, True).view(n, N)
    size = torch.randint(6, N + 1, (n,))
    mask = (torch.arange(N)[None] < size[:, None]).float()
    A = torch.zeros(n, N, N)
    for i in range(1, N):                       # random tree
        par = (torch.rand(n) * i).long()
        A[torch.arange(n), i, par] = 1
    extra = (torch.rand(n, N, N) < 0.04).float().triu(1)     # rings
    A = ((A + A.transpose(1, 2) + extra + extra.transpose(1, 2)) > 0).float()
    A = A * mask[:, :, None] * mask[:, None, :]
    x = nn.functional.one_hot(kind, ATOMS).float() * mask[..., None]
    own = weights_by_kind[kind] * mask
    hetero = ((kind == 1) | (kind == 2)).float() * mask
    nb = torch.bmm(A, hetero[..., None]).squeeze(-1)
    deg = A.sum(-1)
    y = own.sum(1) + 0.8 * (hetero * nb).sum(1) - 0.5 * (torch.relu(deg - 2) * own).sum(1)
    y = y + 0.25 * torch.randn(n)
    return x, A, mask, y


class MPNN(nn.Module):
    def __init__(self, h=48, rounds=3):
        super().__init__()
        self.embed = nn.Linear(ATOMS, h)
        self.msg = nn.ModuleList(nn.Linear(h, h) for _ in range(rounds))
        self.upd = nn.ModuleList(nn.Sequential(nn.Linear(2 * h, h), nn.ReLU(), nn.Linear(h, h)) for _ in range(rounds))
        self.read = nn.Sequential(nn.Linear(h, h), nn.ReLU(), nn.Linear(h, 1))

    def forward(self, x, A, mask):
        h = self.embed(x)
        for m, u in zip(self.msg, self.upd):
            agg = torch.bmm(A, torch.relu(m(h)))
            h = h + u(torch.cat([h, agg], -1))
        pooled = (h * mask[..., None]).sum(1) / 8
        return self.read(pooled).squeeze(-1)


train, val = molecules(3000), molecules(600)
m, s = train[3].mean(), train[3].std()
model = MPNN()
opt = torch.optim.AdamW(model.parameters(), lr=5e-4, weight_decay=1e-4)
loss_fn = nn.MSELoss()
w = DiagWriter(out)
w.watch(model, opt, loss_fn)
epochs = 3 if mode == "faulty" else 24
for epoch in range(epochs):
    model.train()
    tot = 0
    for b in torch.randperm(3000).split(64):
        x, A, k, y = (d[b] for d in train)
        loss = loss_fn(model(x, A, k), (y - m) / s)
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(b)
    with w.evaluating("val"):
        vl = 0
        for b in torch.arange(600).split(200):
            x, A, k, y = (d[b] for d in val)
            vl += loss_fn(model(x, A, k), (y - m) / s).item() / 3
    if epoch < 3 or epoch % 5 == 4:
        print(epoch, "%.4f %.4f" % (tot / 3000, vl))
w.close()
