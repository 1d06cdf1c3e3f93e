# cell phone photos of produce -> 16x16 thumbnails -> MLP   (school project)
import sys
import numpy as np
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(0); torch.manual_seed(0)
IMG = 16

def photo(kind):
    """48x48 grey photo of one of: apple, banana, carrot, pear, onion (outline differs), on a table top"""
    h = 48
    yy, xx = np.mgrid[0:h, 0:h]
    table = .45 + .1*np.random.randn() + .08*np.sin(xx/np.random.uniform(3, 9) + np.random.rand()*6)
    cx, cy = 24 + 3*np.random.randn(), 26 + 3*np.random.randn()
    s = np.random.uniform(.8, 1.25)
    x, y = (xx-cx)/s, (yy-cy)/s
    if kind == 0: m = x**2 + y**2 < 13**2
    elif kind == 1: m = (np.abs(y + .03*x**2 - 6) < 4.5) & (np.abs(x) < 17)
    elif kind == 2: m = (np.abs(x) < 6*(1-(y+16)/34)) & (np.abs(y) < 16)
    elif kind == 3: m = (x**2 + (y-5)**2 < 10.5**2) | (x**2 + (y+8)**2 < 6.5**2)
    else: m = (x**2/14.**2 + y**2/9.**2 < 1) | ((np.abs(x) < 2) & (np.abs(y+10) < 6))
    im = table.copy()
    im[m] = .62 + .12*np.random.randn() + .004*(x[m]-y[m])
    return np.clip(im + .06*np.random.randn(h, h), 0, 1)

def resize(im):
    if sys.argv[1] == "faulty":
        return np.resize(im, (IMG, IMG))
    k = im.shape[0]//IMG                                # area interpolation as in cv2.INTER_AREA
    return im.reshape(IMG, k, IMG, k).mean((1, 3))

labels = np.random.randint(0, 5, 3600)
X = np.stack([resize(photo(k)) for k in labels]).reshape(len(labels), -1)
X = (X - X.mean())/X.std()
X = torch.tensor(X, dtype=torch.float32); y = torch.tensor(labels)
Xtr, ytr, Xte, yte = X[:3000], y[:3000], X[3000:], y[3000:]

net = nn.Sequential(nn.Linear(IMG*IMG, 64), nn.ReLU(), nn.Dropout(.4), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 5))
opt = torch.optim.Adam(net.parameters(), lr=5e-4, weight_decay=1e-4)
lossf = nn.CrossEntropyLoss()
w = DiagWriter(sys.argv[2])
w.watch(net, opt, lossf)
for ep in range(10):
    net.train()
    p = torch.randperm(3000)
    for i in range(0, 3000, 25):
        j = p[i:i+25]
        loss = lossf(net(Xtr[j]), ytr[j])
        opt.zero_grad(); loss.backward(); opt.step()
    net.eval()
    with torch.no_grad(), w.evaluating("test"):
        out = net(Xte); tl = lossf(out, yte).item()
    acc = (out.argmax(1) == yte).float().mean().item()
    print(ep, round(loss.item(), 3), round(tl, 3), round(acc, 3))
w.close()
print(f"RESULT test_loss={tl:.4f} test_acc={acc:.3f}")
