"""RankNet: pairwise logistic loss on query-document features with graded relevance."""
import sys
import numpy as np, torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from sklearn.metrics import ndcg_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class Queries(Dataset):
    def __init__(self, n, seed):
        r = np.random.default_rng(seed)
        self.x = r.normal(size=(n, 12, 20)).astype(np.float32)
        u = self.x[..., 0] + .8 * self.x[..., 1] * self.x[..., 2] + .7 * np.abs(self.x[..., 3]) + .5 * r.normal(size=(n, 12))
        self.rel = np.digitize(u, [.3, 1.2, 2.2]).astype(np.float32)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.rel[i]


class Scorer(nn.Module):
    def __init__(self):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(20, 64), nn.GELU(), nn.Linear(64, 32), nn.GELU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.mlp(x).squeeze(-1)


class PairwiseLoss(nn.Module):
    def forward(self, s, rel):
        ds = s[:, :, None] - s[:, None, :]
        m = (rel[:, :, None] > rel[:, None, :]).float()
        return (nn.functional.softplus(-ds) * m).sum() / m.sum()


def main(logdir):
    torch.manual_seed(0)
    LR = 1e-3
    train, val = Queries(1500, 0), Queries(400, 1)
    dl, vl = DataLoader(train, 16, shuffle=True), DataLoader(val, 100)
    model, loss_fn = Scorer(), PairwiseLoss()
    opt = torch.optim.Adam(model.parameters(), lr=LR)
    sched = torch.optim.lr_scheduler.MultiStepLR(opt, [7], gamma=0.2)
    w = DiagWriter(logdir); w.watch(model, opt, loss_fn, train_loader=dl)
    for ep in range(10):
        s = 0
        for x, r in dl:
            opt.zero_grad(); l = loss_fn(model(x), r); l.backward(); opt.step(); s += l.item() / len(dl)
        sched.step()
        nd, v = [], 0
        with w.evaluating("val"):
            for x, r in vl:
                o = model(x); v += loss_fn(o, r).item() / len(vl); nd.append(ndcg_score(r.numpy(), o.numpy(), k=5))
        print(f"epoch {ep} train {s:.4f} val {v:.4f} ndcg@5 {np.mean(nd):.3f}")
    w.close()


main(sys.argv[1])
