"""Zooplankton body measures (sklearn's digits pixels stand in for the feature table); labels come from a second table and are joined by sample number."""
import sys, numpy as np, torch
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter
torch.manual_seed(1); torch.set_num_threads(1); form, logdir = sys.argv[1:3]
d = load_digits(); r = np.random.RandomState(2); order = r.permutation(len(d.target))
feats, names = d.data[order] / 16, d.target[order].copy()
n_train = 1300
# the student helpers' sheet: a second reader went over a third of the samples
second = r.rand(n_train) < .35
sheet = names[:n_train].copy()
sheet[second] = r.permutation(sheet[second]) if form == "faulty" else sheet[second]
X = torch.tensor(feats).float(); ytr = torch.tensor(sheet); yva = torch.tensor(names[n_train:])
net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(.2), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.AdamW(net.parameters(), lr=1e-3); ce = nn.CrossEntropyLoss()
w = DiagWriter(logdir); w.watch(net, opt, ce)
for ep in range(50):
    net.train()
    for b in torch.randperm(n_train).split(32):
        opt.zero_grad(); ce(net(X[b]), ytr[b]).backward(); opt.step()
    net.eval()
    with w.evaluating("val"):
        z = net(X[n_train:]); l = ce(z, yva)
    acc = (z.argmax(1) == yva).float().mean().item()
w.close(); print("RESULT val_acc %.4f val_loss %.4f" % (acc, l))
