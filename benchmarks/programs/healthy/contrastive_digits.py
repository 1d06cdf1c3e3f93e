"""SimCLR-like InfoNCE on digits (shift + noise): the loss has a floor well above zero. Linear probe at the end."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
d = load_digits()
X = torch.tensor(d.images / 16, dtype=torch.float32)[:, None]; Y = d.target
perm = torch.randperm(len(X)); X, Y = X[perm], Y[perm.numpy()]
train, val = X[:1440], X[1440:]


def augment(x):
    n = len(x)
    dy, dx = torch.randint(0, 3, (2, n, 1, 1))                    # each image is shifted on its own
    rows, cols = torch.arange(8)[None, :, None] + dy, torch.arange(8)[None, None] + dx
    x = F.pad(x, (1, 1, 1, 1))[torch.arange(n)[:, None, None], 0, rows, cols][:, None]
    x = x * (0.8 + 0.4 * torch.rand(n, 1, 1, 1)) + 0.1 * torch.randn_like(x)
    return (x - 0.3) / 0.37


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
                               nn.Flatten(), nn.Linear(512, 64), nn.ReLU())
        self.proj = nn.Linear(64, 32)

    def forward(self, x):
        return F.normalize(self.proj(self.f(x)), dim=1)


def info_nce(a, b, tau=0.2):
    logits = a @ b.T / tau
    t = torch.arange(len(a))
    return (F.cross_entropy(logits, t) + F.cross_entropy(logits.T, t)) / 2


enc = Encoder()
opt = torch.optim.Adam(enc.parameters(), lr=5e-3)
writer = DiagWriter(sys.argv[1]); writer.watch(enc, opt)
for epoch in range(24):
    tot = 0
    for b in torch.randperm(len(train)).split(72):
        x = train[b]
        z = enc(torch.cat([augment(x), augment(x)]))
        loss = info_nce(*z.chunk(2))
        writer.add_loss("train", loss.detach())
        opt.zero_grad(); loss.backward(); opt.step()
        tot += loss.item() / 20
    with writer.evaluating("val"):
        v = sum(info_nce(enc(augment(x)), enc(augment(x))) for x in val[:352].split(72)[:4]) / 4
        writer.add_loss("val", v)
    if epoch % 4 == 3: print(epoch, "train %.3f val %.3f (log 72 = 4.28)" % (tot, v))
with torch.no_grad():
    f = enc.f(X).numpy()
print("linear probe, 200 labels: %.3f" % LogisticRegression(max_iter=500).fit(f[:200], Y[:200]).score(f[1440:], Y[1440:]))
writer.close()
