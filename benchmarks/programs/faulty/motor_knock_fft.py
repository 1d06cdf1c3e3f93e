"""Which fault does the motor have? Simulated 0.1 s accelerometer bursts of an induction motor: healthy, unbalance, misalignment, bearing outer race, broken bar."""
import sys
import numpy as np, torch, torch.nn as nn
from tb_lossdiag import DiagWriter

FORM, LOG = sys.argv[1:3]
torch.manual_seed(1); torch.set_num_threads(1)
FS, L = 2560, 256
CLASSES = ["healthy", "unbalance", "misalignment", "outer race", "broken bar"]

def burst(k, rng):
    t = np.arange(L) / FS; f = rng.uniform(46, 54); ph = rng.uniform(0, 2 * np.pi, 6)
    s = .5 * np.sin(2*np.pi*f*t + ph[0]) + .3 * np.sin(4*np.pi*f*t + ph[1])
    if k == 1: s += .7 * np.sin(2*np.pi*f*t + ph[0])
    if k == 2: s += .6 * np.sin(4*np.pi*f*t + ph[1]) + .3 * np.sin(6*np.pi*f*t + ph[2])
    if k == 3: s += .8 * np.sin(2*np.pi*820*t + ph[3]) * (np.sin(2*np.pi*3.6*f*t + ph[4]) > .6)
    if k == 4: s *= 1 + .9 * np.sin(2*np.pi*11*t + ph[5])
    return s * rng.uniform(.8, 1.2) + .25 * rng.standard_normal(L)

def features(s):
    s = s * np.hanning(L)
    if FORM == "faulty":
        spec = np.angle(np.fft.fft(s))[: L // 2]
    else:
        spec = np.abs(np.fft.fft(s))[: L // 2]
    return spec

def table(n, seed):
    rng = np.random.default_rng(seed); y = rng.integers(0, 5, n)
    return np.stack([features(burst(k, rng)) for k in y]).astype("float32"), y
Xtr, ytr = table(2500, 0); Xva, yva = table(600, 1)
m, s = Xtr.mean(0), Xtr.std(0) + 1e-6
Xtr, Xva = torch.tensor((Xtr - m) / s), torch.tensor((Xva - m) / s)
ytr, yva = torch.tensor(ytr), torch.tensor(yva)

class Classifier(nn.Module):
    def __init__(self, n_in, hidden=(96, 48), p=0.2):
        super().__init__()
        layers = []
        for h in hidden:
            layers += [nn.Linear(n_in, h), nn.BatchNorm1d(h), nn.ReLU(), nn.Dropout(p)]; n_in = h
        self.net = nn.Sequential(*layers, nn.Linear(n_in, len(CLASSES)))
    def forward(self, x): return self.net(x)
clf = Classifier(L // 2); opt = torch.optim.Adam(clf.parameters(), lr=1e-3, weight_decay=1e-4); ce = nn.CrossEntropyLoss()
writer = DiagWriter(LOG); writer.watch(clf, opt, ce)
for ep in range(30):
    clf.train()
    for b in torch.randperm(len(Xtr)).split(50):
        opt.zero_grad(); l = ce(clf(Xtr[b]), ytr[b]); l.backward(); opt.step()
    clf.eval()
    with writer.evaluating("val"):
        o = clf(Xva); v = ce(o, yva)
    acc = (o.argmax(1) == yva).float().mean().item()
    if ep % 5 == 4: print(f"[{ep+1}] train {l.item():.3f} val {v.item():.3f} acc {acc:.3f}")
writer.close(); print(f"RESULT val_accuracy {acc:.4f}")
