# How long will the crossing take? Simulated trip log of a ferry (wind, tide, load, hour, vessel).
import argparse, math
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("form", choices=["faulty", "fixed"]); ap.add_argument("logdir")
ap.add_argument("--epochs", type=int, default=40); ap.add_argument("--bs", type=int, default=32)
a = ap.parse_args()
torch.manual_seed(11); torch.set_num_threads(1)

def trips(n):
    wind, head = torch.rand(n) * 18, torch.rand(n) * 2 * math.pi
    tide, hour = torch.randn(n), torch.rand(n) * 24
    load, vessel = torch.rand(n), torch.randint(0, 3, (n,))
    base = torch.tensor([2400., 2700., 3300.])[vessel]
    secs = base + 14 * wind * torch.cos(head) + 0.9 * wind ** 2 * (1 - load) + 160 * tide * torch.sin(hour / 24 * 2 * math.pi) + 380 * load + 60 * torch.randn(n)
    x = torch.stack([wind / 18, head.cos(), head.sin(), tide, (hour / 24 * 2 * math.pi).sin(), (hour / 24 * 2 * math.pi).cos(), load], 1)
    return torch.cat([x, nn.functional.one_hot(vessel, 3).float()], 1), secs[:, None]

class TripTime(nn.Module):
    def __init__(self, d=10, h=48):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(d, h), nn.Tanh(), nn.Linear(h, h), nn.Tanh())
        self.out = nn.Linear(h, 1)
    def forward(self, x): return self.out(self.body(x))

x, y = trips(3000); xv, yv = trips(800)
if a.form == "fixed":
    mu, sd = y.mean(), y.std()
else:
    mu, sd = 0.0, 1.0
y, yv_n = (y - mu) / sd, (yv - mu) / sd
model = TripTime(); opt = torch.optim.Adam(model.parameters(), lr=2e-3); mse = nn.MSELoss()
w = DiagWriter(a.logdir); w.watch(model, opt, mse)
for ep in range(a.epochs):
    model.train()
    for idx in torch.randperm(len(x)).split(a.bs):
        opt.zero_grad(); l = mse(model(x[idx]), y[idx]); l.backward(); opt.step()
    with w.evaluating("val"):
        for i in range(0, len(xv), 200): vl = mse(model(xv[i:i+200]), yv_n[i:i+200])
        pred = model(xv) * sd + mu
    mae = (pred - yv).abs().mean().item()
    w.add_scalar("mae_seconds", mae, ep)
    if ep % 5 == 4: print(f"epoch {ep+1} train {l.item():.4f} val mae {mae:.1f} s")
w.close()
print(f"RESULT mae_seconds {mae:.2f} r2 {1 - ((pred-yv)**2).sum().item()/((yv-yv.mean())**2).sum().item():.4f}")
