"""DeepAR style count forecasting: negative binomial likelihood, scaled inputs, teacher forcing. Spare-part demand, mostly zeros."""
import sys
import numpy as np
import torch
from torch import nn
from torch.distributions import NegativeBinomial
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(11)
rs = np.random.RandomState(11)
N_SERIES, T, HIST, HORIZON = 400, 180, 42, 14

t = np.arange(T)
level = np.exp(rs.normal(0.6, 1.0, N_SERIES))
shape = np.exp(rs.normal(0, 0.9, (5, 7)))                             # five kinds of customers, each with its own working week
weekly = shape[rs.randint(5, size=N_SERIES)][:, t % 7]
campaign = (np.convolve(rs.rand(T) < 0.06, np.ones(4), 'same') > 0).astype(float)
drift = np.cumsum(rs.normal(0, 0.03, (N_SERIES, T)), 1)
mean = level[:, None] * weekly * np.exp(drift) * np.where(campaign, 3.0, 1.0)
k = 4.0
Z = torch.tensor(rs.poisson(rs.gamma(k, mean / k)), dtype=torch.float32)
dow = torch.cat([torch.eye(7)[torch.tensor(t % 7)], torch.tensor(campaign, dtype=torch.float32)[:, None]], 1)
print('share of zero days %.2f, mean %.2f, max %d' % ((Z == 0).float().mean(), Z.mean(), Z.max()))


class NBLoss(nn.Module):
    def forward(self, params, z):
        mu, alpha = params
        r = 1 / alpha
        return -NegativeBinomial(total_count=r, logits=torch.log(mu * alpha)).log_prob(z).mean()


class DeepAR(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.rnn = nn.LSTM(1 + 8 + 1, hidden, num_layers=2, batch_first=True, dropout=0.1)
        self.mu, self.alpha = nn.Linear(hidden, 1), nn.Linear(hidden, 1)

    def forward(self, z, cov):
        nu = 1 + z[:, :HIST].mean(1, keepdim=True)                   # scale handling of the paper
        lag = torch.log1p(torch.cat([torch.zeros_like(z[:, :1]), z[:, :-1]], 1) / nu)
        x = torch.cat([lag[..., None], cov, nu.log()[:, None].expand(-1, z.shape[1], 1)], -1)
        h, _ = self.rnn(x)
        mu = nn.functional.softplus(self.mu(h)).squeeze(-1) * nu + 1e-4
        alpha = nn.functional.softplus(self.alpha(h)).squeeze(-1) / nu.sqrt() + 1e-4
        return mu[:, 7:], alpha[:, 7:]


W = HIST + HORIZON
model = DeepAR()
opt = torch.optim.Adam(model.parameters(), lr=8e-3)
EPOCHS, PER_EPOCH = 24, 30
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS * PER_EPOCH)
nll = NBLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, nll)
for ep in range(EPOCHS):
    model.train()
    agg = []
    for _ in range(PER_EPOCH):
        sid = torch.randint(N_SERIES, (64,))
        st = torch.randint(0, T - HORIZON - W + 1, (64,))             # training windows end before the test fortnight
        pos = st[:, None] + torch.arange(W)
        loss = nll(model(Z[sid[:, None], pos], dow[pos]), Z[sid[:, None], pos][:, 7:])
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        opt.step()
        sched.step()
        agg.append(loss.item())
    model.eval()
    with torch.no_grad():
        zs = Z[:, T - W:]
        mu, al = model(zs, dow[T - W:][None].expand(N_SERIES, -1, -1))
        v = nll((mu[:, -HORIZON:], al[:, -HORIZON:]), zs[:, -HORIZON:]).item()
        nd = ((mu[:, -HORIZON:] - zs[:, -HORIZON:]).abs().sum() / zs[:, -HORIZON:].sum()).item()
    print('epoch %2d  train nll %.4f  test nll %.4f  ND %.3f' % (ep, np.mean(agg), v, nd))
writer.close()
