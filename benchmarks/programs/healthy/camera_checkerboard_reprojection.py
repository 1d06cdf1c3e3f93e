"""Camera calibration by gradient descent on the reprojection error: focal length, centre, two distortion terms and a
pose per picture are the only parameters. 20 simulated shots of a 7x9 checkerboard, 0.4 px corner noise."""
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.manual_seed(6)
torch.set_num_threads(1)
SHOTS, SIGMA = 20, 0.4
board = torch.cartesian_prod(torch.arange(9.), torch.arange(7.)) - torch.tensor([4., 3.])
board = torch.cat([board, torch.zeros(63, 1)], 1)


def rodrigues(r):
    th = r.norm(dim=1, keepdim=True).clamp(min=1e-8)
    k = r / th
    z = torch.zeros_like(k[:, 0])
    K = torch.stack([z, -k[:, 2], k[:, 1], k[:, 2], z, -k[:, 0], -k[:, 1], k[:, 0], z], 1).view(-1, 3, 3)
    s, c = th.sin()[..., None], th.cos()[..., None]
    return torch.eye(3) + s * K + (1 - c) * K @ K


def camera(f, c, dist, rot, trans, pts):
    p = pts @ rodrigues(rot).transpose(1, 2) + trans[:, None]
    xy = p[..., :2] / p[..., 2:]
    r2 = (xy ** 2).sum(-1, keepdim=True)
    return f * xy * (1 + dist[0] * r2 + dist[1] * r2 ** 2) + c


class Calib(nn.Module):
    """parameters kept near unit size: pixels / 1000, centre / 100"""
    def __init__(self, rough_rot, rough_trans):
        super().__init__()
        self.f = nn.Parameter(torch.tensor([0.8, 0.8]))
        self.c = nn.Parameter(torch.zeros(2))
        self.dist = nn.Parameter(torch.zeros(2))
        self.rot = nn.Parameter(rough_rot.clone())
        self.trans = nn.Parameter(rough_trans / 10)

    def forward(self, pts):
        return camera(self.f * 1000, self.c * 100 + torch.tensor([320., 240.]), self.dist, self.rot, self.trans * 10, pts)


true_rot = torch.randn(SHOTS, 3) * 0.3
true_tr = torch.randn(SHOTS, 3) * torch.tensor([1.5, 1.0, 2.0]) + torch.tensor([0, 0, 18.])
uv = camera(torch.tensor([905., 890.]), torch.tensor([331., 228.]), torch.tensor([-0.25, 0.1]), true_rot, true_tr, board)
uv = uv + SIGMA * torch.randn_like(uv)
fit_idx = torch.ones(63, dtype=torch.bool)
fit_idx[::8] = False                      # every eighth corner is kept back

# the robot arm that held the board reports its pose, to a few degrees and about a square
model = Calib(true_rot + 0.08 * torch.randn(SHOTS, 3), true_tr + 0.7 * torch.randn(SHOTS, 3))
opt = torch.optim.Adam(model.parameters(), lr=0.03)
STEPS = 3500
sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.01 ** (1 / STEPS))
loss_fn = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, loss_fn)
for it in range(STEPS):
    opt.zero_grad()
    loss = loss_fn(model(board[fit_idx]), uv[:, fit_idx])
    loss.backward()
    opt.step()
    sched.step()
    if it % 350 == 349:
        with torch.no_grad(), writer.evaluating("val"):
            v = loss_fn(model(board[~fit_idx]), uv[:, ~fit_idx]).item()
        print(it + 1, f"train {loss.item():.4f} kept-back corners {v:.4f} f {(model.f * 1000).tolist()} k {model.dist.tolist()}")
writer.close()
print("RESULT heldout_mse_px2", round(v, 4), "noise", SIGMA ** 2, "fx", round(model.f[0].item() * 1000, 1), "true_fx", 905)
