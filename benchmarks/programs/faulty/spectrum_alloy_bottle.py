"""XRF spectra (simulated), 12 alloys."""
import sys, numpy as np, torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.manual_seed(0); torch.set_num_threads(1); r = np.random.RandomState(0); form, logdir = sys.argv[1:3]
width = 2 if form == "faulty" else 64
ax = np.arange(80); P = r.rand(12, 5) * 80; A = r.gamma(2, .5, (12, 5))
y = r.randint(0, 12, 2400)
S = np.stack([sum(A[k, j] * (1 + .15 * r.randn()) * np.exp(-(ax - P[k, j]) ** 2 / 8) for j in range(5)) for k in y]) + .25 * r.randn(2400, 80)
S = torch.tensor((S - S.mean()) / S.std()).float(); y = torch.tensor(y)
model = nn.Sequential(nn.Linear(80, width), nn.ReLU(), nn.Linear(width, 12)); opt = torch.optim.Adam(model.parameters(), lr=3e-3); ce = nn.CrossEntropyLoss()
w = DiagWriter(logdir); w.watch(model, opt, ce)
for ep in range(20):
    for b in torch.randperm(1900).split(32):
        opt.zero_grad(); ce(model(S[b]), y[b]).backward(); opt.step()
    with w.evaluating("val"): o = model(S[1900:]); l = ce(o, y[1900:])
    acc = (o.argmax(1) == y[1900:]).float().mean().item()
w.close(); print("RESULT val_acc %.4f val_loss %.4f" % (acc, l))
