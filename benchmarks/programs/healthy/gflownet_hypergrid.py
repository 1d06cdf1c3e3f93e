"""
GFlowNet on the hyper-grid of Bengio et al. 2021, trained with trajectory balance (Malkin et al. 2022).
States are cells of an H x H grid, actions: +1 in x, +1 in y, or stop.  Reward is low in the middle, high near the corners.
The terminating distribution of the learned forward policy can be computed exactly, so we report the L1 distance to R / Z.
"""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)

H, R0, R1, R2 = 8, 0.05, 0.5, 2.0
BATCH, STEPS = 16, 600
LR, LR_Z = 3e-3, 3e-1


def reward(xy):
    a = (xy.float() / (H - 1) - 0.5).abs()
    return R0 + R1 * (a > 0.25).all(-1).float() + R2 * ((a > 0.3) & (a < 0.4)).all(-1).float()


def encode(xy):
    return F.one_hot(xy, H).flatten(-2).float()


class TBModel(nn.Module):
    def __init__(self, hid=64):
        super().__init__()
        self.torso = nn.Sequential(nn.Linear(2 * H, hid), nn.LeakyReLU(), nn.Linear(hid, hid), nn.LeakyReLU())
        self.pf = nn.Linear(hid, 3)
        self.pb = nn.Linear(hid, 2)
        self.logZ = nn.Parameter(torch.zeros(1))

    def policy(self, xy):
        h = self.torso(encode(xy))
        edge = torch.stack([xy[..., 0] == H - 1, xy[..., 1] == H - 1, torch.zeros_like(xy[..., 0], dtype=torch.bool)], -1)
        lf = self.pf(h).masked_fill(edge, -1e9).log_softmax(-1)
        lb = self.pb(h).masked_fill(xy == 0, -1e9).log_softmax(-1)
        return lf, lb

    def forward(self, cells, acts, mask, end):
        """trajectory balance residual of each trajectory: log Z + sum log PF - log R - sum log PB"""
        lf, lb = self.policy(torch.cat([cells, end[None]]))
        lpf = (lf[:-1].gather(2, acts[..., None])[..., 0] * mask).sum(0)
        moved = mask & (acts < 2)
        back = lb[1:].gather(2, acts.clamp(max=1)[..., None])[..., 0]
        lpb = torch.where(moved, back, torch.zeros_like(back)).sum(0)
        return self.logZ + lpf - reward(end).log() - lpb


@torch.no_grad()
def explore(model, n, eps):
    """walk n trajectories with epsilon-uniform exploration; returns the cells (T, n, 2), actions (T, n) and a mask"""
    xy, alive = torch.zeros(n, 2, dtype=torch.long), torch.ones(n, dtype=torch.bool)
    cells, acts, mask = [], [], []
    while alive.any():
        p = model.policy(xy)[0].exp()
        legal = (p > 0).float()
        p = (1 - eps) * p + eps * legal / legal.sum(-1, keepdim=True)
        act = torch.multinomial(p, 1)[:, 0]
        cells.append(xy); acts.append(act); mask.append(alive)
        alive = alive & (act < 2)
        xy = xy + F.one_hot(act, 3)[:, :2] * alive[:, None]
    return torch.stack(cells), torch.stack(acts), torch.stack(mask), xy


@torch.no_grad()
def exact_l1(model):
    g = torch.stack(torch.meshgrid(torch.arange(H), torch.arange(H), indexing="ij"), -1)
    lf, _ = model.policy(g.view(-1, 2))
    p = lf.exp().view(H, H, 3).numpy()
    flow = np.zeros((H, H)); flow[0, 0] = 1
    term = np.zeros((H, H))
    for s in range(2 * H - 1):
        for i in range(max(0, s - H + 1), min(H, s + 1)):
            j = s - i
            term[i, j] = flow[i, j] * p[i, j, 2]
            if i < H - 1: flow[i + 1, j] += flow[i, j] * p[i, j, 0]
            if j < H - 1: flow[i, j + 1] += flow[i, j] * p[i, j, 1]
    r = reward(g).numpy()
    return np.abs(term - r / r.sum()).sum(), np.log(r.sum())


model = TBModel()
opt = torch.optim.Adam([
    {"params": [p for n, p in model.named_parameters() if n != "logZ"], "lr": LR},
    {"params": [model.logZ], "lr": LR_Z},           # the partition function learns much faster, as in the paper
])
sched = torch.optim.lr_scheduler.MultiStepLR(opt, [STEPS * 6 // 10, STEPS * 85 // 100], gamma=0.3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt)

hist = []
for step in range(1, STEPS + 1):
    batch = explore(model, BATCH, eps=0.1 if step < STEPS * 0.8 else 0.02)
    loss = model(*batch).pow(2).mean()
    writer.add_loss("train", loss)
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    hist.append(loss.item())
    if step % 100 == 0:
        with writer.evaluating("val"):
            l1, true_z = exact_l1(model)
        print(f"{step:5d}  TB loss {np.mean(hist[-100:]):.4f}  logZ {model.logZ.item():.3f} (true {true_z:.3f})  L1 {l1:.4f}")
writer.close()
print(f"RESULT tb_loss {np.mean(hist[-100:]):.4f} logZ {model.logZ.item():.3f} true {true_z:.3f} L1 {l1:.4f}")
