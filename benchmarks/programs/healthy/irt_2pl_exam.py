import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)

# Item response theory, two-parameter logistic, MAP by Adam over embeddings.
# 800 students, 60 items, 30 % of the cells missing; 10 % of the answers held out.

class TwoPL(nn.Module):
    def __init__(self, n_students, n_items):
        super().__init__()
        self.theta = nn.Embedding(n_students, 1)
        self.b = nn.Embedding(n_items, 1)
        self.log_a = nn.Embedding(n_items, 1)
        for e in (self.theta, self.b, self.log_a):
            nn.init.normal_(e.weight, 0, .1)

    def forward(self, s, i):
        return (self.log_a(i).exp() * (self.theta(s) - self.b(i))).squeeze(1)

    def prior(self):
        return .5 * self.theta.weight.pow(2).sum() + .5 * (self.b.weight / 2).pow(2).sum() + .5 * (self.log_a.weight / .5).pow(2).sum()


def main(logdir):
    rng = np.random.RandomState(60); torch.manual_seed(60)
    S, I = 800, 60
    theta, b, a = rng.randn(S), rng.randn(I) * 1.3, np.exp(.35 * rng.randn(I))
    prob = 1 / (1 + np.exp(-a * (theta[:, None] - b)))
    answers = (rng.rand(S, I) < prob)
    cells = np.argwhere(rng.rand(S, I) < .7)
    rng.shuffle(cells)
    n_val = len(cells) // 10
    s, i = torch.tensor(cells.T)
    y = torch.tensor(answers[cells[:, 0], cells[:, 1]], dtype=torch.float32)
    val, train = slice(0, n_val), slice(n_val, None)
    N = len(y[train])

    model = TwoPL(S, I)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    criterion = nn.BCEWithLogitsLoss()
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, criterion)
    st, it, yt = s[train], i[train], y[train]
    for epoch in range(12):
        for k in torch.randperm(N).split(256):
            nll = criterion(model(st[k], it[k]), yt[k])
            loss = nll + model.prior() / N
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with writer.evaluating("val"):
            v = criterion(model(s[val], i[val]), y[val]).item()
        print(f"{epoch:2d} map objective {loss.item():.4f} val {v:.4f}")
    writer.close()
    with torch.no_grad():
        tr = criterion(model(st, it), yt).item()
        c_t = np.corrcoef(theta, model.theta.weight[:, 0])[0, 1]; c_b = np.corrcoef(b, model.b.weight[:, 0])[0, 1]; c_a = np.corrcoef(np.log(a), model.log_a.weight[:, 0])[0, 1]
    p = prob[cells[:n_val, 0], cells[:n_val, 1]]; yv = y[val].numpy()
    print(f"RESULT train {tr:.4f} val {v:.4f} true parameters {-(yv * np.log(p) + (1 - yv) * np.log(1 - p)).mean():.4f} corr theta {c_t:.3f} b {c_b:.3f} log a {c_a:.3f}")


main(sys.argv[1])
