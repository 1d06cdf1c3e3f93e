"""Self-normalizing network on Tox21-like fingerprints: SELU, AlphaDropout, lecun_normal init, plain SGD; twelve assays with missing labels (masked BCE), 3-15 % actives"""
import sys
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(14)
rng = np.random.default_rng(14)
N, BITS, TASKS = 5000, 256, 12
scaffold = rng.random((40, BITS)) < rng.beta(.5, 6, BITS)
fam = rng.integers(0, 40, N)
fp = np.where(rng.random((N, BITS)) < .7, scaffold[fam], rng.random((N, BITS)) < rng.beta(.4, 6, BITS)).astype("float32")
latent = fp @ (rng.normal(size=(BITS, 6)) * (rng.random((BITS, 6)) < .15))
latent = (latent - latent.mean(0)) / latent.std(0)
tw = rng.normal(size=(6, TASKS))
score = latent @ tw + .7 * np.maximum(latent[:, :1], 0) * np.maximum(latent[:, 1:2], 0)
score = score / score.std(0) * 1.6 + rng.logistic(0, .8, (N, TASKS))
thr = [np.quantile(score[:, k], 1 - r) for k, r in enumerate(rng.uniform(.04, .16, TASKS))]
Y = (score > np.array(thr)).astype("float32")
M = (rng.random((N, TASKS)) > .22).astype("float32")
print("actives per assay", Y.mean(0).round(3))
fp = (fp - fp[:4000].mean(0)) / (fp[:4000].std(0) + .1)
X, Y, M = map(lambda a: torch.tensor(a, dtype=torch.float32), (fp, Y, M))


class SNN(nn.Module):
    def __init__(self, width=64, depth=3, rate=.1):
        super().__init__()
        layers, d = [], BITS
        for _ in range(depth):
            layers += [nn.Linear(d, width), nn.SELU(), nn.AlphaDropout(rate)]
            d = width
        self.net = nn.Sequential(*layers, nn.Linear(d, TASKS))
        for m in self.net:
            if isinstance(m, nn.Linear):
                nn.init.kaiming_normal_(m.weight, nonlinearity="linear")
                nn.init.zeros_(m.bias)

    def forward(self, x):
        return self.net(x)


def masked_bce(logits, y, mask):
    return (F.binary_cross_entropy_with_logits(logits, y, reduction="none") * mask).sum() / mask.sum()


model = SNN()
opt = torch.optim.SGD(model.parameters(), lr=.3, weight_decay=3e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 20)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, masked_bce)
for ep in range(20):
    model.train()
    s, n = 0, 0
    for b in torch.randperm(4000).split(32):
        loss = writer.loss_fn(model(X[b]), Y[b], M[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        s += loss.item(); n += 1
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = model(X[4000:])
        v = writer.loss_fn(o, Y[4000:], M[4000:]).item()
    auc = np.mean([roc_auc_score(Y[4000:, k][M[4000:, k] > 0], o[:, k][M[4000:, k] > 0]) for k in range(TASKS)])
    print(f"epoch {ep + 1} train {s / n:.4f} val {v:.4f} mean AUC {auc:.4f}")
writer.close()
print(f"RESULT train={s / n:.4f} val={v:.4f} auc={auc:.4f}")
