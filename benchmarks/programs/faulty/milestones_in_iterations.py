import sys, math
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)

# Surrogate of a chemical reactor simulation (noise-free), 5 inputs -> 3 outputs
def simulate(n, seed):
    g = torch.Generator().manual_seed(seed)
    u = torch.rand(n, 5, generator=g) * 2 - 1
    k = torch.exp(1.2 * u[:, 0]); T = u[:, 1]; c = 1 + 0.5 * u[:, 2]
    tau = 0.3 + (u[:, 3] + 1)
    conv = 1 - torch.exp(-k * tau)
    sel = torch.sigmoid(3 * T - 2 * u[:, 4])
    y = torch.stack([conv * sel * c, conv * (1 - sel) * c, torch.sin(2 * T) + c * conv * u[:, 4]], 1)
    return u, y
Xtr, Ytr = simulate(3000, 1); Xte, Yte = simulate(1000, 2)
m, s = Ytr.mean(0), Ytr.std(0)
Ytr, Yte = (Ytr - m) / s, (Yte - m) / s

net = nn.Sequential(nn.Linear(5, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 3))
crit = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
epochs, bs = 60, 50
if sys.argv[1] == "faulty":
    milestones = [1800, 2700, 3300]     # iterations, as in the paper
else:
    milestones = [30, 45, 55]           # epochs
sched = torch.optim.lr_scheduler.MultiStepLR(opt, milestones=milestones, gamma=0.1 ** 0.75)
w = DiagWriter(sys.argv[2]); w.watch(net, opt, crit)
for ep in range(epochs):
    for idx in torch.randperm(len(Xtr)).split(bs):
        opt.zero_grad()
        l = crit(net(Xtr[idx]), Ytr[idx])
        l.backward(); opt.step()
    sched.step()
    with w.evaluating("test"):
        t = crit(net(Xte), Yte).item()
    if ep % 5 == 4: print(f"{ep + 1:3d} lr={opt.param_groups[0]['lr']:.1e} train {l.item():.2e} test {t:.2e}")
w.close()
print(f"RESULT test mse {t:.2e}")
