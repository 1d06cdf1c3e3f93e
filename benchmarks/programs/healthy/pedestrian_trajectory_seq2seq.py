# Vanilla LSTM encoder/decoder for pedestrian trajectories (8 observed steps -> 12 predicted, ETH/UCY protocol), predicts displacements
import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(17)
OBS, PRED = 8, 12


def walkers(n):
    heading = torch.rand(n) * 6.2832
    speed = (1.3 + .25 * torch.randn(n)).clamp(.3) * .4
    turn = .03 * torch.randn(n)
    stop = torch.rand(n) < .08
    pos = torch.zeros(n, OBS + PRED, 2)
    p = torch.randn(n, 2) * 3
    for t in range(OBS + PRED):
        heading = heading + turn + .04 * torch.randn(n)
        turn = .95 * turn + .01 * torch.randn(n)
        sp = speed * torch.where(stop & torch.tensor(t > 10), .2, 1.) * (1 + .06 * torch.randn(n))
        p = p + torch.stack([heading.cos(), heading.sin()], 1) * sp[:, None]
        pos[:, t] = p + .01 * torch.randn(n, 2)
    return pos


class Encoder(nn.Module):
    def __init__(self, h):
        super().__init__()
        self.emb = nn.Linear(2, 16)
        self.lstm = nn.LSTM(16, h, batch_first=True)

    def forward(self, d):
        return self.lstm(torch.relu(self.emb(d)))[1]


class TrajectoryGenerator(nn.Module):
    def __init__(self, h=32):
        super().__init__()
        self.encoder = Encoder(h)
        self.emb = nn.Linear(2, 16)
        self.cell = nn.LSTMCell(16, h)
        self.hidden2pos = nn.Linear(h, 2)

    def forward(self, obs_rel):
        h, c = (s[0] for s in self.encoder(obs_rel))
        last, out = obs_rel[:, -1], []
        for _ in range(PRED):
            h, c = self.cell(torch.relu(self.emb(last)), (h, c))
            last = self.hidden2pos(h)
            out.append(last)
        return torch.stack(out, 1)


def displacement_error(pred_rel, true_rel):
    """average displacement error (m) of the accumulated path"""
    return (pred_rel.cumsum(1) - true_rel.cumsum(1)).norm(dim=2).mean()


tracks = walkers(3600)
rel = tracks[:, 1:] - tracks[:, :-1]
obs, fut = rel[:, :OBS - 1], rel[:, OBS - 1:]
ntr = 3000
model = TrajectoryGenerator()
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 20)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, displacement_error)
for ep in range(20):
    model.train()
    tot = 0
    for b in torch.randperm(ntr).split(64):
        o, f = obs[b], fut[b]
        a = torch.rand(len(b)) * 6.2832                         # random rotation
        R = torch.stack([torch.stack([a.cos(), -a.sin()], 1), torch.stack([a.sin(), a.cos()], 1)], 1)
        o, f = o @ R, f @ R
        loss = writer.loss_fn(model(o), f)
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.5)
        opt.step()
        tot += loss.item() * len(b) / ntr
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        p = model(obs[ntr:])
        ade = writer.loss_fn(p, fut[ntr:]).item()
    fde = (p.sum(1) - fut[ntr:].sum(1)).norm(dim=1).mean().item()
    print(f"epoch {ep}: ADE train {tot:.3f} val {ade:.3f} FDE {fde:.3f}")
with torch.no_grad():
    cv = displacement_error(obs[ntr:, -1:].expand(-1, PRED, -1), fut[ntr:]).item()
writer.close()
print(f"RESULT train={tot:.4f} val={ade:.4f} fde={fde:.4f} constant_velocity={cv:.4f}")
