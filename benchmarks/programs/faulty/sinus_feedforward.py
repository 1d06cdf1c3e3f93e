import sys, math, torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)

if sys.argv[1] == "faulty":          # as asked
    x = torch.arange(100.).view(-1, 1)
    y = torch.sin(x)
    model = nn.Sequential(nn.Linear(1, 10), nn.Sigmoid(), nn.Linear(10, 1), nn.Sigmoid())
    opt, batch, epochs = torch.optim.SGD(model.parameters(), lr=0.01), 1, 30
else:                                # as answered
    x = torch.arange(200.).view(-1, 1) / 50
    y = torch.sin(x)
    model = nn.Sequential(nn.Linear(1, 40), nn.Sigmoid(), nn.Linear(40, 12), nn.Sigmoid(), nn.Linear(12, 1))
    opt, batch, epochs = torch.optim.Adam(model.parameters(), lr=0.005), 8, 120

for m in model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight); nn.init.zeros_(m.bias)
crit = nn.MSELoss()
writer = DiagWriter(sys.argv[2]); writer.watch(model, opt, crit)

for ep in range(epochs):
    idx = torch.randperm(len(x)); s = 0.
    for i in idx.split(batch):
        opt.zero_grad()
        l = crit(model(x[i]), y[i]); l.backward(); opt.step()
        s += l.item() * len(i)
    if (ep + 1) % (epochs // 6) == 0: print("epoch", ep + 1, "loss", s / len(x))
with torch.no_grad(): e = crit(model(x), y).item()
writer.close()
print(f"RESULT mse {e:.5f} of variance {y.var().item():.3f}")
