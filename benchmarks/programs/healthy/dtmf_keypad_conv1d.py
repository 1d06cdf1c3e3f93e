# Touch-tone (DTMF) keys from 40 ms of noisy 8 kHz audio: row and column frequency as two heads. Simulated audio.
import sys, math
import numpy as np, torch
from torch import nn, optim
from tb_lossdiag import DiagWriter

ROWS, COLS, SR, N = [697, 770, 852, 941], [1209, 1336, 1477, 1633], 8000, 320


def make_batch(rng, n):
    r, c = rng.integers(4, size=n), rng.integers(4, size=n)
    t = np.arange(N) / SR
    twist = rng.uniform(.6, 1.4, (n, 1))
    dev = 1 + rng.normal(0, .006, (n, 2))
    x = np.sin(2 * math.pi * (np.take(ROWS, r) * dev[:, 0])[:, None] * t + rng.uniform(0, 6.28, (n, 1)))
    x = x + twist * np.sin(2 * math.pi * (np.take(COLS, c) * dev[:, 1])[:, None] * t + rng.uniform(0, 6.28, (n, 1)))
    x = x + rng.normal(0, 1, x.shape) * rng.uniform(.5, 2.2, (n, 1))
    return torch.tensor(x[:, None], dtype=torch.float32), torch.tensor(r), torch.tensor(c)


class KeyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.front = nn.Conv1d(1, 32, 64, stride=4)
        self.f = nn.Sequential(nn.BatchNorm1d(32), nn.ReLU(), nn.Conv1d(32, 32, 5, stride=2), nn.BatchNorm1d(32), nn.ReLU())
        self.row, self.col = nn.Linear(64, 4), nn.Linear(64, 4)

    def forward(self, x):
        h = self.f(self.front(x))
        h = torch.cat([h.mean(-1), h.amax(-1)], 1)
        return self.row(h), self.col(h)


torch.set_num_threads(1); torch.manual_seed(21)
rng = np.random.default_rng(21)
net = KeyNet()
opt = optim.Adam(net.parameters(), lr=float(sys.argv[1]) if len(sys.argv) > 2 else 2e-2)
ce = nn.CrossEntropyLoss()


def both_heads(out, row, col):
    return ce(out[0], row) + ce(out[1], col)


writer = DiagWriter(sys.argv[-1])
writer.watch(net, opt, both_heads)
Xv, rv, cv = make_batch(np.random.default_rng(999), 800)
STEPS = 600
sched = optim.lr_scheduler.CosineAnnealingLR(opt, STEPS)
for step in range(STEPS):
    x, r, c = make_batch(rng, 64)
    loss = writer.loss_fn(net(x), r, c)
    opt.zero_grad(); loss.backward(); opt.step(); sched.step()
    if step % 60 == 59:
        net.eval()
        with writer.evaluating("val"):
            a, b = net(Xv)
            vl = writer.loss_fn((a, b), rv, cv).item()
        key = ((a.argmax(1) == rv) & (b.argmax(1) == cv)).float().mean().item()
        net.train()
        print(step + 1, round(loss.item(), 3), round(vl, 4), round(key, 3))
writer.close()
# matched-filter detector as a yardstick
t = np.arange(N) / SR
E = lambda fs: np.stack([np.abs(Xv[:, 0].numpy() @ np.exp(-2j * math.pi * f * t)) for f in fs], 1)
ok = ((E(ROWS).argmax(1) == rv.numpy()) & (E(COLS).argmax(1) == cv.numpy())).mean()
print(f"RESULT val_loss {vl:.4f} key_acc {key:.4f} goertzel_acc {ok:.4f}")
