"""Face identification with a scaled cosine softmax (NormFace), a small trunk, pictures listed identity by identity."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)
N_ID, SIZE = 30, 24


def faces(per_id, seed):
    """each identity: geometry and shade of eyes, brows, nose, mouth, hair; each picture: shift, light, expression, noise"""
    ident = np.random.RandomState(11)
    par = [dict(eye=ident.uniform(3, 6.5), ey=ident.uniform(-4.5, -1), es=ident.uniform(0.8, 2), br=ident.uniform(0.2, 1), mw=ident.uniform(2, 5.5),
                my=ident.uniform(4, 7.5), w=ident.uniform(7, 10), h=ident.uniform(9, 11.5), hair=ident.uniform(-9.5, -4), hs=ident.uniform(0.1, 0.9),
                nose=ident.uniform(0, 3), skin=ident.uniform(0.45, 0.85)) for _ in range(N_ID)]
    rs = np.random.RandomState(seed)
    yy, xx = np.mgrid[:SIZE, :SIZE] - 11.5
    X, Y = [], []
    for c, p in enumerate(par):
        for _ in range(per_id):
            x, y = xx - rs.uniform(-1, 1), yy - rs.uniform(-1, 1)
            img = np.full((SIZE, SIZE), rs.uniform(0.2, 0.6))
            face = (x / p["w"]) ** 2 + (y / p["h"]) ** 2 < 1
            img[face] = p["skin"]
            img[face & (y < p["hair"])] = p["hs"]
            for s in (-1, 1):
                img -= 0.5 * np.exp(-((x - s * p["eye"]) ** 2 + (y - p["ey"]) ** 2) / (2 * p["es"] ** 2) * 2)
                img -= p["br"] * 0.4 * np.exp(-((x - s * p["eye"]) ** 2 / 8 + (y - p["ey"] + 2.2) ** 2 / 0.6))
            img -= 0.25 * np.exp(-(x ** 2 / 1.2 + (y - p["nose"]) ** 2 / 3))
            img -= 0.35 * np.exp(-(x ** 2 / p["mw"] ** 2 + (y - p["my"] - rs.uniform(-0.5, 0.5)) ** 2 / rs.uniform(0.5, 1.5)))
            img = img * rs.uniform(0.75, 1.2) + rs.uniform(-0.012, 0.012) * x + rs.normal(0, 0.05, img.shape)
            X.append(img[None]); Y.append(c)
    return torch.tensor((np.array(X, np.float32) - 0.45) / 0.25), torch.tensor(Y)


def conv_bn(i, o, s, g=1, k=3):
    return nn.Sequential(nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=False), nn.BatchNorm2d(o), nn.PReLU(o))


class MobileFaceNet(nn.Module):
    def __init__(self, embedding_size=64):
        super().__init__()
        self.trunk = nn.Sequential(conv_bn(1, 16, 1), conv_bn(16, 16, 2, 16), conv_bn(16, 32, 1, k=1), conv_bn(32, 32, 2, 32), conv_bn(32, 64, 1, k=1))
        self.gdc = nn.Sequential(nn.Conv2d(64, 64, 6, groups=64, bias=False), nn.BatchNorm2d(64), nn.Flatten())
        self.linear = nn.Linear(64, embedding_size, bias=False)
        self.bn = nn.BatchNorm1d(embedding_size)

    def forward(self, x):
        return self.bn(self.linear(self.gdc(self.trunk(x))))


class ScaledCosine(nn.Module):
    def __init__(self, in_features, out_features, s=16.0):
        super().__init__()
        self.s = s
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x):
        return self.s * F.linear(F.normalize(x), F.normalize(self.weight))


Xtr, ytr = faces(48, 1)
Xva, yva = faces(12, 2)
perm = torch.from_numpy(np.random.RandomState(0).permutation(len(yva)))
Xva, yva = Xva[perm], yva[perm]
trainloader = DataLoader(TensorDataset(Xtr, ytr), batch_size=32, shuffle=(form == "fixed"), drop_last=True)
net, classifier = MobileFaceNet(), ScaledCosine(64, N_ID)
model = nn.Sequential(net, classifier)
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, train_loader=trainloader)
EPOCHS = 8
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [6], 0.1)
for epoch in range(EPOCHS):
    model.train()
    tot = []
    for data, label in trainloader:
        loss = F.cross_entropy(model(data), label)
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tot.append(loss.item())
    scheduler.step()
    hit, val = 0, []
    with writer.evaluating("val"):
        for a, t in zip(Xva.split(60), yva.split(60)):
            out = model(a)
            vl = F.cross_entropy(out, t)
            writer.add_loss("val", vl)
            val.append(vl.item()); hit += (out.argmax(1) == t).sum().item()
    print(f"epoch {epoch} loss {np.mean(tot):.3f} val loss {np.mean(val):.3f} accuracy {hit / len(yva):.3f}")
writer.close()
