"""DeepSurv: Cox partial likelihood on simulated patients, loss over the whole training set, Adam with weight decay.
After jaredleekatzman/DeepSurv (and its PyTorch ports)."""
import argparse
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter


class SimulatedData:
    """exponential baseline, gaussian log-risk in two of the covariates (as in the DeepSurv paper), end of study censoring"""
    def __init__(self, hr_ratio=2000, average_death=5, end_time=15, num_features=8, seed=0):
        self.lambda_max, self.average_death, self.end_time = np.log(hr_ratio) * .5, average_death, end_time
        self.m = num_features
        self.rng = np.random.default_rng(seed)

    def generate(self, N):
        x = self.rng.uniform(-1, 1, (N, self.m))
        risk = self.lambda_max * np.exp(-(x[:, 0] ** 2 + x[:, 1] ** 2) / (2 * .5 ** 2))
        risk = risk - risk.mean()
        death = self.rng.exponential(self.average_death / np.exp(risk))
        t = np.minimum(death, self.end_time)
        return x.astype('float32'), t.astype('float32'), (death < self.end_time).astype('float32'), risk


class DeepSurv(nn.Module):
    def __init__(self, n_in, hidden_layers_sizes=(32, 32), dropout=0.1):
        super().__init__()
        layers, prev = [], n_in
        for h in hidden_layers_sizes:
            layers += [nn.Linear(prev, h), nn.SELU(), nn.Dropout(dropout)]
            prev = h
        # only differences of risks matter, so no bias at the end
        layers.append(nn.Linear(prev, 1, bias=False))
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x).squeeze(1)


class NegativeLogLikelihood(nn.Module):
    def forward(self, risk, t, e):
        order = torch.argsort(t, descending=True)
        risk, e = risk[order], e[order]
        log_risk = torch.logcumsumexp(risk, 0)
        return -((risk - log_risk) * e).sum() / e.sum()


def c_index(risk, t, e):
    less = (t[:, None] < t[None, :]) & (e[:, None] == 1)
    conc = (risk[:, None] > risk[None, :]) + .5 * (risk[:, None] == risk[None, :])
    return (less * conc).sum() / less.sum()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('logdir')
    parser.add_argument('--lr', type=float, default=0.01)
    parser.add_argument('--epochs', type=int, default=400)
    args = parser.parse_args()
    torch.manual_seed(0)
    sim = SimulatedData()
    x, t, e, _ = sim.generate(3000)
    xv, tv, ev, rv = sim.generate(1000)
    print('events: %.1f%%' % (100 * e.mean()))
    x_, t_, e_ = map(torch.from_numpy, (x, t, e))
    xv_, tv_, ev_ = map(torch.from_numpy, (xv, tv, ev))
    model = DeepSurv(x.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda ep: 1 / (1 + ep * 0.01))  # inverse time decay
    criterion = NegativeLogLikelihood()
    writer = DiagWriter(args.logdir)
    writer.watch(model, optimizer, criterion)
    for epoch in range(args.epochs):
        model.train()
        loss = criterion(model(x_), t_, e_)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if epoch % 40 == 39:
            model.eval()
            with torch.no_grad(), writer.evaluating("val"):
                r = model(xv_)
                vloss = criterion(r, tv_, ev_)
            print('Epoch: {}\tLoss: {:.4f}\tvalid loss {:.4f}\tvalid c-index {:.4f} (of the true risk: {:.4f})'.format(
                epoch + 1, loss.item(), vloss.item(), c_index(r.numpy(), tv, ev), c_index(rv, tv, ev)))


if __name__ == '__main__':
    main()
