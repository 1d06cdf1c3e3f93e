import sys, numpy as np, torch, torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

"""
CheXpert-like training with uncertain labels (-1).  policy: 'ones' maps them to positive (U-Ones), 'ignore' masks them (U-Ignore).
Images are simulated 28x28 thoraxes with five findings.
"""
torch.set_num_threads(1)
torch.manual_seed(77); np.random.seed(77)
FINDINGS = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"]
P_POS = np.array([.25, .25, .12, .25, .35])
P_UNC = np.array([.50, .30, .55, .45, .40])        # share of reports (without the finding being sure) that hedge
N = 28
yy, xx = np.mgrid[:N, :N] / (N - 1.)


def render(lbl):
    im = .75 - .55 * (np.exp(-(((xx - .3) / .16) ** 2 + ((yy - .45) / .33) ** 2) ** 2) + np.exp(-(((xx - .7) / .16) ** 2 + ((yy - .45) / .33) ** 2) ** 2))
    s = np.random.uniform(.5, 1.3, 5)
    side = np.random.choice([.3, .7])
    if lbl[0]: im += .3 * s[0] * np.exp(-((yy - np.random.uniform(.55, .7)) / .03) ** 2) * (np.abs(xx - side) < .15)
    w = .10 + (.07 * s[1] if lbl[1] else .02 * np.random.rand())
    im += .5 * np.exp(-(((xx - .53) / w) ** 2 + ((yy - .66) / (w * .9)) ** 2) ** 2)
    if lbl[2]:
        cy, cx = np.random.uniform(.3, .6), side + np.random.uniform(-.06, .06)
        im += .38 * s[2] * np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / .006)
    if lbl[3]: im += .16 * s[3] * np.exp(-((np.abs(xx - .5) - .14) / .1) ** 2) * (1 + .6 * np.random.randn(N, N))
    if lbl[4]: im += .45 * s[4] * (yy > np.random.uniform(.68, .78)) * (np.abs(xx - side) < .19)
    return (im + .09 * np.random.randn(N, N) + np.random.uniform(-.06, .06)).astype(np.float32)


class CheX(Dataset):
    def __init__(self, n, policy, reports=True):
        self.truth = (np.random.rand(n, 5) < P_POS).astype(np.float32)
        self.x = np.stack([render(t) for t in self.truth])
        lab = self.truth.copy()
        if reports:                                      # labels extracted from reports: negatives are often hedged
            unc = np.random.rand(n, 5) < np.where(lab == 1, P_UNC * .35, P_UNC)
            lab[unc] = -1
        self.mask = np.ones_like(lab)
        if policy == "ones": lab[lab == -1] = 1
        else: self.mask = (lab != -1).astype(np.float32); lab[lab == -1] = 0
        self.y = lab

    def __len__(self): return len(self.y)

    def __getitem__(self, i): return (self.x[i][None] - .5) / .3, self.y[i], self.mask[i]


policy = "ones" if sys.argv[1] == "faulty" else "ignore"
train, valid, test = CheX(2800, policy), CheX(500, policy), CheX(800, "ignore", reports=False)   # test: read by radiologists
trl = DataLoader(train, batch_size=48, shuffle=True); val = DataLoader(valid, batch_size=200); tel = DataLoader(test, batch_size=200)


def block(i, o): return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True), nn.MaxPool2d(2))
net = nn.Sequential(block(1, 10), block(10, 16), block(16, 32), nn.Flatten(), nn.Dropout(.25), nn.Linear(32 * 9, 5))


def masked_bce(out, y, m):
    l = nn.functional.binary_cross_entropy_with_logits(out, y, reduction="none")
    return (l * m).sum() / m.sum()


opt = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-5)
sched = torch.optim.lr_scheduler.MultiStepLR(opt, [5, 7], .3)
writer = DiagWriter(sys.argv[2]); writer.watch(net, opt, masked_bce)


def run(loader, tag):
    net.eval(); L = k = 0; P, Y, M = [], [], []
    with writer.evaluating(tag), torch.no_grad():
        for x, y, m in loader:
            o = net(x); L += writer.loss_fn(o, y, m).item(); k += 1; P.append(o); Y.append(y); M.append(m)
    P, Y, M = torch.cat(P).numpy(), torch.cat(Y).numpy(), torch.cat(M).numpy() > 0
    acc = ((P > 0) == (Y > .5))[M].mean()
    return L / k, np.mean([roc_auc_score(Y[M[:, j], j], P[M[:, j], j]) for j in range(5)]), acc


for epoch in range(9):
    net.train(); s = 0
    for x, y, m in trl:
        loss = writer.loss_fn(net(x), y, m)
        opt.zero_grad(); loss.backward(); opt.step(); s += loss.item()
    sched.step()
    v = run(val, "val")
    print(f"epoch {epoch} train {s/len(trl):.4f} val {v[0]:.4f} auc {v[1]:.3f}")
t = run(tel, "test")
writer.close()
print(f"RESULT train={s/len(trl):.4f} val={v[0]:.4f} val_auc={v[1]:.3f} test={t[0]:.4f} test_auc={t[1]:.3f} test_acc={t[2]:.3f}")
