"""mixup on the small digits (port of our TF mixup layer: random_shuffle of images and of labels)"""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(77)
np.random.seed(77)
d = load_digits()
img = d.images / 16.0
img = img + 0.25 * np.random.randn(*img.shape)               # cheap camera
xtr, xte, ytr, yte = train_test_split(img, d.target, test_size=0.25, stratify=d.target, random_state=0)
xtr, xte = [torch.tensor((a - xtr.mean()) / xtr.std(), dtype=torch.float32)[:, None] for a in (xtr, xte)]
ytr, yte = torch.tensor(ytr), torch.tensor(yte)


def random_shuffle(t):
    return t[torch.randperm(len(t))]


def mixup(x, y, alpha=1.0):
    """-> mixed images, mixed one-hot labels"""
    onehot = F.one_hot(y, 10).float()
    lam = torch.distributions.Beta(alpha, alpha).sample((len(x),))
    if sys.argv[1] == "faulty":
        x2, y2 = random_shuffle(x), random_shuffle(onehot)
    else:
        i = torch.randperm(len(x))
        x2, y2 = x[i], onehot[i]
    l4 = lam.view(-1, 1, 1, 1)
    return l4 * x + (1 - l4) * x2, lam[:, None] * onehot + (1 - lam[:, None]) * y2


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 4, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.max_pool2d(F.leaky_relu(self.conv1(x), 0.1), 2)
        x = F.max_pool2d(F.leaky_relu(self.conv2(x), 0.1), 2)
        return self.fc2(F.leaky_relu(self.fc1(x.flatten(1)), 0.1))


net = ConvNet()
ce = nn.CrossEntropyLoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, ce)
for epoch in range(40):
    net.train()
    tl = []
    for b in torch.randperm(len(xtr)).split(32):
        xm, ym = mixup(xtr[b], ytr[b])
        loss = ce(net(xm), ym)
        opt.zero_grad()
        loss.backward()
        opt.step()
        tl.append(loss.item())
    net.eval()
    with writer.evaluating("val"), torch.no_grad():
        o = net(xte)
        vl, acc = ce(o, yte).item(), (o.argmax(1) == yte).float().mean().item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1}: mixup loss {np.mean(tl):.4f}  val loss {vl:.4f}  val acc {acc:.4f}")
writer.close()
print(f"RESULT train_loss={np.mean(tl):.4f} val_loss={vl:.4f} val_acc={acc:.4f}")
