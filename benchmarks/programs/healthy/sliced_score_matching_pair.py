"""Sliced score matching (Song et al. 2019) on a two-component correlated mixture of log-returns (simulated).
The objective E[ v' ds/dx v + 0.5 |s|^2 ] is negative at the optimum: -0.5 E|s*|^2."""
import sys
import torch
import torch.nn as nn
import torch.autograd as autograd
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)

W = torch.tensor([0.65, 0.35])
MU = torch.tensor([[0.8, 0.5], [-1.2, -0.9]])
L = torch.stack([torch.tensor([[0.6, 0.0], [0.3, 0.5]]), torch.tensor([[0.9, 0.0], [0.5, 0.6]])])
mixture = torch.distributions.MixtureSameFamily(
    torch.distributions.Categorical(W), torch.distributions.MultivariateNormal(MU, scale_tril=L))


def true_score(x):
    x = x.clone().requires_grad_(True)
    return autograd.grad(mixture.log_prob(x).sum(), x)[0]


class ScoreNet(nn.Module):
    def __init__(self, width=96):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, width), nn.Softplus(), nn.Linear(width, width), nn.Softplus(), nn.Linear(width, 2))

    def forward(self, x):
        return self.net(x)


def ssm_loss(score, x, n_proj=1):
    x = x.repeat(n_proj, 1).requires_grad_(True)
    v = torch.randn_like(x)
    s = score(x)
    sv = (s * v).sum()
    jv = autograd.grad(sv, x, create_graph=True)[0]
    return ((jv * v).sum(1) + 0.5 * s.pow(2).sum(1)).mean()


score = ScoreNet()
optimizer = torch.optim.Adam(score.parameters(), lr=5e-3)
steps = 900
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: max(0.02, 1 - t / steps))
writer = DiagWriter(sys.argv[1])
writer.watch(score, optimizer)
data = mixture.sample((20000,))
held = mixture.sample((4000,))

for it in range(steps):
    x = data[torch.randint(len(data), (512,))]
    loss = ssm_loss(score, x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    writer.add_scalar("Loss/train", loss.item(), it)
    if it % 60 == 0 or it == steps - 1:
        v = ssm_loss(score, held, 4).item()
        writer.add_scalar("Loss/val", v, it)
        print(it, round(loss.item(), 3), round(v, 3))

ts = true_score(held)
with torch.no_grad():
    fisher = (score(held) - ts).pow(2).sum(1).mean().item()


def exact(x):
    return autograd.grad(mixture.log_prob(x).sum(), x, create_graph=True)[0]


torch.manual_seed(99)
ssm_true = ssm_loss(exact, held, 8).item()
torch.manual_seed(99)
v = ssm_loss(score, held, 8).item()
writer.close()
print(f"RESULT val {v:.4f} true_score_objective {ssm_true:.4f} fisher_divergence {fisher:.4f} score_power {ts.pow(2).sum(1).mean().item():.3f}")
