"""Non-negative PU learning (Kiryo et al. 2017): a registry holds diagnosed patients (positives only), everybody else is
unlabelled and contains undiagnosed cases (class prior .3 here, known from screening studies).

When the estimated negative risk of a mini-batch becomes negative, the step goes *up* on it (gradient of -R_n), so the
objective that is differentiated and the risk that is reported differ. Sigmoid loss; risk ~ .5 at the start."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(33)
rng = np.random.default_rng(33)
PRIOR = .3


def people(n, prior):
    y = (rng.random(n) < prior).astype(int)
    x = rng.normal(0, 1, (n, 14)) @ (np.eye(14) + .25 * rng_mix)
    pat = rng.integers(0, 3, n)                                    # three clinical pictures
    shift = np.stack([np.r_[1.3, 1.1, .8, np.zeros(11)], np.r_[np.zeros(3), 1.3, -1.2, .9, np.zeros(8)], np.r_[.7, np.zeros(5), 1., 1., -.8, np.zeros(5)]])
    x = x + (shift[pat] * y[:, None]) * 1.15
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


rng_mix = rng.normal(0, 1, (14, 14)) / 3
xp, yp = people(5000, 1.0)
xp = xp[:2000]
xu, yu_hidden = people(6000, PRIOR)
xv, yv = people(3000, PRIOR)
mean, std = xu.mean(0), xu.std(0)
xp, xu, xv = (xp - mean) / std, (xu - mean) / std, (xv - mean) / std
# validation in the PU way as well: some positives, the rest unlabelled
vp, vu = xv[yv == 1][:400], xv


class PULoss(nn.Module):
    """returns (objective, risk)"""

    def __init__(self, prior, beta=0., gamma=1.):
        super().__init__()
        self.prior, self.beta, self.gamma = prior, beta, gamma

    def forward(self, gp, gu):
        l = lambda z: torch.sigmoid(-z)
        pos = self.prior * l(gp).mean()
        neg = l(-gu).mean() - self.prior * l(-gp).mean()
        risk = pos + neg.clamp_min(-self.beta)
        return (-self.gamma * neg if neg < -self.beta else pos + neg), risk


net = nn.Sequential(nn.Linear(14, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1))
pu = PULoss(PRIOR)
opt = torch.optim.Adam(net.parameters(), lr=3e-3, weight_decay=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt)
EPOCHS = 24
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS)
nb = 60
for epoch in range(EPOCHS):
    net.train()
    tot, ups = 0., 0
    pi, ui = torch.randperm(len(xp)), torch.randperm(len(xu))
    for p, u in zip(pi.tensor_split(nb), ui.tensor_split(nb)):
        gp, gu = net(xp[p]).squeeze(1), net(xu[u]).squeeze(1)
        objective, risk = pu(gp, gu)
        opt.zero_grad()
        objective.backward()
        opt.step()
        writer.add_loss("train", risk)
        tot += risk.item()
        ups += int(objective.item() != risk.item())
    sched.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        g = net(xv).squeeze(1)
        vr = pu(net(vp).squeeze(1), g)[1].item()
        writer.add_loss("val", vr)
    err = ((g > 0).long() != yv).float().mean().item()
    if epoch % 2 == 1:
        print(f"epoch {epoch + 1:2d} risk {tot / nb:.4f} (ascent steps {ups}/{nb})  val PU risk {vr:.4f}  true error {err:.4f}")
writer.close()
print(f"RESULT train_risk {tot / nb:.4f} val_risk {vr:.4f} val_error {err:.4f} error_of_all_negative {yv.float().mean():.4f}")
