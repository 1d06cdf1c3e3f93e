"""Galaxy morphology from volunteers' votes.

The label of a picture is the distribution of some 12 votes over four kinds, not one class.  Trained with the
Kullback-Leibler divergence to the vote fractions (nn.KLDivLoss on log-probabilities, batchmean); its floor is the sampling
noise of twelve votes, which is printed for comparison.
"""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SIZE, VOTES, KINDS = 20, 12, ["smooth", "disc", "spiral", "artefact"]


def observe(n, rng):
    yy, xx = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    images, votes, probs = [], [], []
    for _ in range(n):
        ang, q = rng.uniform(0, np.pi), rng.uniform(.25, 1)
        u, v = xx * np.cos(ang) + yy * np.sin(ang), (-xx * np.sin(ang) + yy * np.cos(ang)) / q
        r, th = np.hypot(u, v) + .1, np.arctan2(v, u)
        bulge, arms, star = rng.beta(2, 2), max(rng.normal(.4, .5), 0), rng.rand() < .12
        img = bulge * np.exp(-(r / 2.0)) + (1 - bulge) * .7 * np.exp(-r / 4.5) * (1 + arms * np.cos(2 * th - 3.5 * np.log(r) + rng.uniform(0, 6)))
        if star:
            cx, cy = rng.uniform(-3, 3, 2)
            img = .3 * img + 1.2 * np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / 1.2) + .25 * np.exp(-np.abs(xx - cx) / .5) + .25 * np.exp(-np.abs(yy - cy) / .5)
        z = np.array([1.5 * bulge + .8 * q, 1.8 * (1 - bulge) + 1.2 * (1 - q), 2.6 * min(arms, 1.2) * (1 - bulge) * (.4 + q), 3.2 * star - .3])
        p = np.exp(1.4 * z) / np.exp(1.4 * z).sum()
        images.append(img * rng.uniform(.8, 1.3) + .06 * rng.randn(SIZE, SIZE))
        votes.append(rng.multinomial(VOTES, p) / VOTES)
        probs.append(p)
    t = lambda a: torch.tensor(np.array(a), dtype=torch.float32)
    return t(images)[:, None], t(votes), t(probs)


class VoteNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 24, 3), nn.ReLU(), nn.Flatten())
        self.head = nn.Sequential(nn.Dropout(.3), nn.Linear(24 * 9, 32), nn.ReLU(), nn.Linear(32, 4), nn.LogSoftmax(dim=1))

    def forward(self, x):
        return self.head(self.features(x))


def rotate(x):
    x = torch.rot90(x, int(torch.randint(4, ())), (2, 3))
    return x.flip(3) if torch.rand(()) < .5 else x


if __name__ == "__main__":
    torch.manual_seed(0)
    rng = np.random.RandomState(0)
    x, votes, probs = observe(1900, rng)
    x = (x - x[:1500].mean()) / x[:1500].std()
    loader = DataLoader(TensorDataset(x[:1500], votes[:1500]), batch_size=32, shuffle=True)
    xv, vv = x[1500:], votes[1500:]
    net = VoteNet()
    kl = nn.KLDivLoss(reduction="batchmean")
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    sched = torch.optim.lr_scheduler.MultiStepLR(opt, [5, 7], .3)
    writer = DiagWriter(sys.argv[1])
    writer.watch(net, opt, kl)
    print(f"floor (true probabilities): {kl(probs[1500:].log(), vv):.4f}   mean votes: {kl(votes[:1500].mean(0).log().expand_as(vv), vv):.4f}")
    for epoch in range(9):
        net.train()
        run = 0.
        for xb, vb in loader:
            loss = kl(net(rotate(xb)), vb)
            opt.zero_grad()
            loss.backward()
            opt.step()
            run += loss.item() * len(xb) / 1500
        sched.step()
        net.eval()
        with torch.no_grad(), writer.evaluating("val"):
            out = net(xv)
            val = kl(out, vv).item()
        rmse = (out.exp() - probs[1500:]).pow(2).mean().sqrt().item()
        print(f"epoch {epoch + 1}  train {run:.4f}  val {val:.4f}  rmse of the fractions {rmse:.4f}")
    writer.close()
    print(f"RESULT train={run:.4f} val={val:.4f} floor={kl(probs[1500:].log(), vv):.4f} rmse={rmse:.4f}")
