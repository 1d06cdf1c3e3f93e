"""Keyword spotting on synthetic log-mel patches; train_test_split with test_size=0.95."""
import sys
import numpy as np
import torch
from torch import nn
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
rng = np.random.RandomState(1)
WORDS = 6
proto = rng.randn(WORDS, 16, 20)
proto = (proto + np.roll(proto, 1, 1) + np.roll(proto, 1, 2) + np.roll(proto, 2, 2)) / 2
X, y = [], []
for _ in range(1600):
    k = rng.randint(WORDS)
    p = np.roll(np.roll(proto[k], rng.randint(-3, 4), 1), rng.randint(-2, 3), 0) * rng.uniform(.6, 1.4)
    X.append(p + 1.0 * rng.randn(16, 20)); y.append(k)
X, y = np.array(X, np.float32)[:, None], np.array(y)

train_share = 0.95
if sys.argv[1] == "faulty":
    Xtr, Xva, ytr, yva = train_test_split(X, y, test_size=train_share, random_state=0)
else:
    Xtr, Xva, ytr, yva = train_test_split(X, y, train_size=train_share, random_state=0)
Xtr, Xva, ytr, yva = map(torch.tensor, (Xtr, Xva, ytr, yva))
net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
                    nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 20, 64), nn.ReLU(), nn.Linear(64, WORDS))
opt = torch.optim.Adam(net.parameters(), lr=5e-4)
lossf = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2]); writer.watch(net, opt, lossf)
step, total = 0, 500
while step < total:
    for i in torch.randperm(len(Xtr)).split(32):
        net.train()
        loss = lossf(net(Xtr[i]), ytr[i])
        opt.zero_grad(); loss.backward(); opt.step()
        step += 1
        if step % 50 == 0:
            net.eval()
            with writer.evaluating("val"):
                o = net(Xva[:500]); v = lossf(o, yva[:500])
            print(step, "train %.3f val %.3f acc %.3f" % (loss.item(), v.item(), (o.argmax(1) == yva[:500]).float().mean()))
        if step >= total: break
writer.close()
