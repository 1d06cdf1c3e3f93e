# Amortised clustering with a Set Transformer: maximise the log likelihood of mixtures of Gaussians (juho-lee/set_transformer run.py)
import sys, math, time
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F, torch.optim as optim
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(2); np.random.seed(2)
B, N_min, N_max, K, D, num_steps, test_freq = 10, 50, 100, 2, 2, 3000, 250

class MAB(nn.Module):
    def __init__(self, dim_Q, dim_K, dim_V, num_heads):
        super().__init__()
        self.dim_V, self.num_heads = dim_V, num_heads
        self.fc_q, self.fc_k, self.fc_v, self.fc_o = nn.Linear(dim_Q, dim_V), nn.Linear(dim_K, dim_V), nn.Linear(dim_K, dim_V), nn.Linear(dim_V, dim_V)
    def forward(self, Q, K):
        Q = self.fc_q(Q); K, V = self.fc_k(K), self.fc_v(K)
        s = self.dim_V // self.num_heads
        Q_, K_, V_ = (torch.cat(t.split(s, 2), 0) for t in (Q, K, V))
        A = torch.softmax(Q_.bmm(K_.transpose(1, 2)) / math.sqrt(self.dim_V), 2)
        O = torch.cat((Q_ + A.bmm(V_)).split(Q.size(0), 0), 2)
        return O + F.relu(self.fc_o(O))
class SAB(nn.Module):
    def __init__(self, i, o, h): super().__init__(); self.mab = MAB(i, i, o, h)
    def forward(self, X): return self.mab(X, X)
class ISAB(nn.Module):
    def __init__(self, i, o, h, m):
        super().__init__()
        self.I = nn.Parameter(torch.empty(1, m, o)); nn.init.xavier_uniform_(self.I)
        self.mab0, self.mab1 = MAB(o, i, o, h), MAB(i, o, o, h)
    def forward(self, X): return self.mab1(X, self.mab0(self.I.repeat(X.size(0), 1, 1), X))
class PMA(nn.Module):
    def __init__(self, dim, h, k):
        super().__init__()
        self.S = nn.Parameter(torch.empty(1, k, dim)); nn.init.xavier_uniform_(self.S); self.mab = MAB(dim, dim, dim, h)
    def forward(self, X): return self.mab(self.S.repeat(X.size(0), 1, 1), X)

class MultivariateNormalDiag:
    def sample(self, B, K): return torch.rand(B, K, D) * 8 - 4
    def log_prob(self, X, params):
        mu, sd = params
        X, mu, sd = X.unsqueeze(2), mu.unsqueeze(1), sd.unsqueeze(1)
        return (-0.5 * math.log(2 * math.pi) - sd.log() - .5 * ((X - mu) / sd) ** 2).sum(3)
    def parse(self, raw):
        pi = torch.softmax(raw[:, :, 0], -1)
        return pi, (raw[:, :, 1:1 + D], F.softplus(raw[:, :, 1 + D:]) + 1e-3)
def mog_sample(gt=False):
    N = np.random.randint(N_min, N_max)
    pi = torch.distributions.Dirichlet(torch.ones(B, K)).sample(); lab = torch.multinomial(pi, N, replacement=True)
    mu = mvn.sample(B, K); sd = torch.full_like(mu, .3)
    m = mu.gather(1, lab[..., None].expand(-1, -1, D))
    X = m + .3 * torch.randn(B, N, D)
    return (X, pi, (mu, sd)) if gt else X
def mog_ll(X, pi, params):
    return torch.logsumexp(mvn.log_prob(X, params) + (pi.unsqueeze(1) + 1e-10).log(), 2).mean()

mvn = MultivariateNormalDiag()
dh = 32
net = nn.Sequential(ISAB(D, dh, 4, 16), ISAB(dh, dh, 4, 16), PMA(dh, 4, K), SAB(dh, dh, 4), SAB(dh, dh, 4), nn.Linear(dh, 1 + 2 * D))
bench = [mog_sample(True) for _ in range(30)]
oracle = np.mean([mog_ll(*b).item() for b in bench])
optimizer = optim.Adam(net.parameters(), lr=5e-4)
writer = DiagWriter(sys.argv[1]); writer.watch(net, optimizer)
for t in range(1, num_steps + 1):
    if t == int(0.5 * num_steps):
        optimizer.param_groups[0]['lr'] *= 0.1
    net.train()
    optimizer.zero_grad()
    X = mog_sample()
    loss = -mog_ll(X, *mvn.parse(net(X)))
    loss.backward()
    optimizer.step()
    if t % test_freq == 0:
        net.eval()
        with torch.no_grad():
            ll = np.mean([mog_ll(X, *mvn.parse(net(X))).item() for X, *_ in bench])
        writer.add_loss("val", -ll)
        print('step {}, lr {:.3e}, train {:.4f} test ll {:.4f} (oracle {:.4f})'.format(t, optimizer.param_groups[0]['lr'], -loss.item(), ll, oracle))
writer.close()
print(f"RESULT test ll {ll:.4f} oracle {oracle:.4f}")
