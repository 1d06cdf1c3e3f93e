"""Ultrasonic vocalisation types of mice. Simulated spectrogram tiles (24 x 32), six syllable types."""
import sys, logging
import numpy as np, torch
import torch.nn as nn, torch.nn.functional as F
from torch.utils.data import DataLoader, Subset, TensorDataset
from tb_lossdiag import DiagWriter
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout); log = logging.getLogger("usv")

CONFIG = dict(n=2400, n_val=600, items=120 if sys.argv[1] == "faulty" else 2400, batch=20, steps=720, lr=1e-3)

def tiles(n, seed):
    r = np.random.default_rng(seed); X = .55 * r.standard_normal((n, 1, 24, 32)); y = r.integers(0, 6, n)
    rows = np.arange(24)[:, None]
    for i, k in enumerate(y):
        t = np.linspace(0, 1, 32); a = r.uniform(7, 15); h = r.uniform(4, 8); on, ln = r.uniform(0, .3), r.uniform(.5, .7)
        u = (t - on) / ln
        f = [a + 0*u, a + h*(u-.5), a - h*(u-.5), a + h*2*(u-.5)**2*2 - h/2, a + np.where(u < .5, 0, h), a + h/2*np.sin(4*np.pi*u)][k]
        X[i, 0] += r.uniform(.7, 1.5) * np.exp(-(rows - f) ** 2 / 1.2) * ((u > 0) & (u < 1))
    return TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(y))

class UsvNet(nn.Module):
    def __init__(self, k=6):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 12, 5, padding=2), nn.Conv2d(12, 24, 3, padding=1)
        self.h, self.o = nn.Linear(24 * 6 * 8, 128), nn.Linear(128, k)
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.a(x)), 2)
        x = F.max_pool2d(F.relu(self.b(x)), 2)
        return self.o(F.relu(self.h(x.flatten(1))))

def run(logdir):
    torch.manual_seed(77); torch.set_num_threads(1)
    full, val = tiles(CONFIG["n"], 1), tiles(CONFIG["n_val"], 2)
    train = Subset(full, range(CONFIG["items"]))
    loader, vloader = DataLoader(train, CONFIG["batch"], shuffle=True), DataLoader(val, 200)
    net = UsvNet(); opt = torch.optim.Adam(net.parameters(), lr=CONFIG["lr"]); loss_fn = nn.CrossEntropyLoss()
    w = DiagWriter(logdir); w.watch(net, opt, loss_fn)
    step = 0
    while step < CONFIG["steps"]:
        for x, y in loader:
            opt.zero_grad(); l = loss_fn(net(x), y); l.backward(); opt.step(); step += 1
            if step % 90 == 0:
                with w.evaluating("val"):
                    net.eval(); hit = tot = 0
                    for xv, yv in vloader:
                        o = net(xv); tot += loss_fn(o, yv).item() / len(vloader); hit += (o.argmax(1) == yv).sum().item()
                net.train()
                log.info("step %d train %.4f val %.4f acc %.3f", step, l.item(), tot, hit / len(val))
            if step >= CONFIG["steps"]: break
    w.close(); print(f"RESULT val_loss {tot:.4f} val_accuracy {hit / len(val):.4f}")
run(sys.argv[2])
