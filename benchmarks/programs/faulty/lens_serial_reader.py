# Reads the engraved digits of lens serial numbers.  (real 8x8 digits of sklearn stand for the crops;
# the camera's sensor noise is simulated: ISO 100 in the studio, ISO 12800 in the cellar)
import sys
import numpy as np, torch
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1:3]
torch.set_num_threads(1); torch.manual_seed(13)
rng = np.random.default_rng(13)
ISO_STUDIO, ISO_CELLAR = 0.04, 0.42


def photograph(img, noise):
    return np.clip(img / 16. + rng.normal(0, noise, img.shape), -1, 2).astype(np.float32)


d = load_digits()
p = rng.permutation(len(d.target))
parts = dict(train=p[:1100], val=p[1100:1400], test=p[1400:])
sigma = dict(train=ISO_STUDIO, val=ISO_STUDIO, test=ISO_CELLAR if mode == "faulty" else ISO_STUDIO)
data = {k: (torch.from_numpy(photograph(d.images[i], sigma[k]))[:, None], torch.from_numpy(d.target[i])) for k, i in parts.items()}


class Block(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(a, b, 3, padding=1), nn.Conv2d(b, b, 3, padding=1)
        self.skip = nn.Conv2d(a, b, 1)

    def forward(self, x):
        return torch.relu(self.c2(torch.relu(self.c1(x))) + self.skip(x))


net = nn.Sequential(Block(1, 16), nn.MaxPool2d(2), Block(16, 32), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(128, 10))
opt = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.02)
ce = nn.CrossEntropyLoss()
w = DiagWriter(logdir)
w.watch(net, opt, ce)


def evaluate(part):
    net.eval()
    x, y = data[part]
    with w.evaluating(part):
        o = net(x)
        l = ce(o, y)
    return l.item(), (o.argmax(1) == y).float().mean().item()


x, y = data["train"]
for epoch in range(20):
    net.train()
    for b in torch.randperm(len(y)).split(25):
        opt.zero_grad()
        loss = ce(net(x[b]), y[b])
        loss.backward()
        opt.step()
    vl, va = evaluate("val")
    if epoch % 4 == 3:
        print("epoch", epoch, "train", round(loss.item(), 3), "val", round(vl, 3), "acc", round(va, 3))
tl, ta = evaluate("test")
w.close()
print("RESULT test_acc", round(ta, 4), "val_acc", round(va, 4), "test_loss", round(tl, 3))
