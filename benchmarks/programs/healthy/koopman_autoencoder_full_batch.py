import sys, torch, numpy as np
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0)

# Deep Koopman autoencoder (Lusch et al., as small notebook): reconstruction + prediction in the state space + linearity in the code.
# Pendulum trajectories, everything in one batch, tanh, three loss terms.

def simulate(n, steps, dt=0.1, seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.stack([(torch.rand(n, generator=g) - .5) * 3.0, (torch.rand(n, generator=g) - .5) * 2.0], 1)
    out = [x]
    f = lambda s: torch.stack([s[:, 1], -torch.sin(s[:, 0])], 1)
    for _ in range(steps):
        k1 = f(x); k2 = f(x + dt / 2 * k1); k3 = f(x + dt / 2 * k2); k4 = f(x + dt * k3)
        x = x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4); out.append(x)
    return torch.stack(out, 1)

train, valid = simulate(200, 16, seed=1), simulate(80, 16, seed=2)

class KoopmanAE(nn.Module):
    def __init__(self, d=2, h=48, k=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(d, h), nn.Tanh(), nn.Linear(h, h), nn.Tanh(), nn.Linear(h, k))
        self.decoder = nn.Sequential(nn.Linear(k, h), nn.Tanh(), nn.Linear(h, h), nn.Tanh(), nn.Linear(h, d))
        self.K = nn.Linear(k, k, bias=False)
        nn.init.eye_(self.K.weight)
    def forward(self, traj):
        z = self.encoder(traj)
        zz, preds = z[:, 0], []
        for _ in range(traj.shape[1] - 1):
            zz = self.K(zz); preds.append(zz)
        return self.decoder(z), self.decoder(torch.stack(preds, 1)), z[:, 1:], torch.stack(preds, 1)

def koopman_loss(out, traj, a=1.0, b=1.0, c=0.3):
    rec, pred, z_true, z_pred = out
    return a * nn.functional.mse_loss(rec, traj) + b * nn.functional.mse_loss(pred, traj[:, 1:]) + c * nn.functional.mse_loss(z_pred, z_true)

model = KoopmanAE()
opt = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-5)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.997)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, koopman_loss)
for it in range(1500):
    opt.zero_grad()
    loss = koopman_loss(model(train), train)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step(); sched.step()
    if it % 100 == 99:
        with writer.evaluating("val"):
            out = model(valid)
            vl = writer.loss_fn(out, valid).item()
        print(it, f"{loss.item():.5f} {vl:.5f}")
writer.close()
rel = (out[1] - valid[:, 1:]).pow(2).sum().sqrt() / valid[:, 1:].pow(2).sum().sqrt()
print(f"RESULT train {loss.item():.6f} val {vl:.6f} relative_prediction_error {rel.item():.4f}")
