# Gaussian hidden Markov model fitted by gradient ascent on the marginal likelihood (forward algorithm in log space),
# instead of Baum-Welch.  Three daily "regime" indicators of a plant, 4 hidden regimes.
import sys
import math
import numpy as np
import torch
from torch import nn
from sklearn.cluster import KMeans
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.default_rng(11)
torch.manual_seed(11)

K, D, T = 4, 3, 60
LR = 0.03
EPOCHS = 10

# ---------------------------------------------------------------- data
A = np.full((K, K), 0.04); np.fill_diagonal(A, 1 - 0.04 * (K - 1))
A[0] = [0.80, 0.16, 0.02, 0.02]
MU = np.array([[-1.0, 0.3, 0.0], [0.6, 1.0, -0.6], [0.9, -0.8, 0.7], [-0.3, -0.6, -0.9]])
SD = np.array([[0.7, 0.9, 0.6], [0.8, 0.6, 0.9], [0.9, 0.7, 0.7], [0.7, 0.8, 0.8]])


def simulate(n):
    z = np.zeros((n, T), int)
    z[:, 0] = rng.integers(0, K, n)
    for t in range(1, T):
        u = rng.random(n)[:, None]
        z[:, t] = (A[z[:, t - 1]].cumsum(1) < u).sum(1).clip(max=K - 1)
    return (MU[z] + SD[z] * rng.standard_normal((n, T, D))).astype(np.float32), z


x_tr, _ = simulate(240)
x_va, z_va = simulate(120)
x_tr, x_va = torch.tensor(x_tr), torch.tensor(x_va)


# ---------------------------------------------------------------- model: nothing but five tensors
class GaussianHMM(nn.Module):
    def __init__(self, k, d):
        super().__init__()
        self.start = nn.Parameter(torch.zeros(k))
        self.trans = nn.Parameter(2.0 * torch.eye(k))       # sticky start
        self.mu = nn.Parameter(torch.randn(k, d))
        self.log_sd = nn.Parameter(torch.zeros(k, d))

    def emission(self, x):                                   # (B,T,D) -> (B,T,K)
        z = (x.unsqueeze(2) - self.mu) * torch.exp(-self.log_sd)
        return (-0.5 * z ** 2 - self.log_sd - 0.5 * math.log(2 * math.pi)).sum(-1)

    def forward(self, x):
        e = self.emission(x)
        logA = self.trans.log_softmax(1)
        a = self.start.log_softmax(0) + e[:, 0]
        for t in range(1, x.shape[1]):
            a = torch.logsumexp(a.unsqueeze(2) + logA, 1) + e[:, t]
        return torch.logsumexp(a, 1)                          # log p(x)

    @torch.no_grad()
    def viterbi(self, x):
        e, logA = self.emission(x), self.trans.log_softmax(1)
        d, back = self.start.log_softmax(0) + e[:, 0], []
        for t in range(1, x.shape[1]):
            best, arg = (d.unsqueeze(2) + logA).max(1)
            back.append(arg)
            d = best + e[:, t]
        path = [d.argmax(1)]
        for arg in reversed(back):
            path.append(arg.gather(1, path[-1][:, None])[:, 0])
        return torch.stack(path[::-1], 1)


hmm = GaussianHMM(K, D)
with torch.no_grad():   # k-means start for the emission means, as usual
    hmm.mu.copy_(torch.tensor(KMeans(K, n_init=3, random_state=0).fit(x_tr.reshape(-1, D).numpy()).cluster_centers_))

optimizer = torch.optim.Adam(hmm.parameters(), lr=LR)
writer = DiagWriter(sys.argv[1])
writer.watch(hmm, optimizer)

for epoch in range(EPOCHS):
    tot = 0.0
    for idx in torch.randperm(len(x_tr)).split(24):
        nll = -hmm(x_tr[idx]).mean()          # nats per sequence of 60 days
        writer.add_loss("train", nll)
        optimizer.zero_grad()
        nll.backward()
        optimizer.step()
        tot += nll.item() * len(idx)
    with writer.evaluating("val"), torch.no_grad():
        val = -hmm(x_va).mean().item()
        writer.add_loss("val", val)
    if epoch % 2 == 0 or epoch == EPOCHS - 1:
        print(f"epoch {epoch:2d}  nll/seq train {tot / len(x_tr):.3f}  val {val:.3f}")
writer.close()

# how well would the true parameters do?
true = GaussianHMM(K, D)
with torch.no_grad():
    true.trans.copy_(torch.tensor(np.log(A))); true.mu.copy_(torch.tensor(MU)); true.log_sd.copy_(torch.tensor(np.log(SD)))
    oracle = -true(x_va).mean().item()
path = hmm.viterbi(x_va).numpy()
conf = np.zeros((K, K))
np.add.at(conf, (path.ravel(), z_va.ravel()), 1)
from scipy.optimize import linear_sum_assignment
acc = conf[linear_sum_assignment(-conf)].sum() / conf.sum()
print(f"RESULT val_nll {val:.3f} true_model_nll {oracle:.3f} viterbi_acc {acc:.3f}")
