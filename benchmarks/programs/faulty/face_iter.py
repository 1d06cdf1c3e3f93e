import sys
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.manual_seed(1)
torch.set_num_threads(1)
N_ID, SIZE = 20, 16


def faces(per_id, seed):
    base = np.random.default_rng(99)
    yy, xx = np.mgrid[:SIZE, :SIZE] / SIZE
    params = base.uniform(.2, .8, (N_ID, 4, 2)), base.uniform(.08, .2, (N_ID, 4)), base.normal(0, 1.5, (N_ID, 4))
    g = np.random.default_rng(seed)
    xs, ys = [], []
    for i in range(N_ID):
        for _ in range(per_id):
            img = g.normal(0, .35, (SIZE, SIZE)) + g.normal(0, .5)
            shift = g.normal(0, .05, 2)
            for c, w, a in zip(params[0][i], params[1][i], params[2][i]):
                img += a * np.exp(-((yy - c[0] - shift[0]) ** 2 + (xx - c[1] - shift[1]) ** 2) / (2 * w * w))
            xs.append(img)
            ys.append(i)
    p = g.permutation(len(xs))
    x = np.stack(xs)[p]
    x = (x - x.mean((1, 2), keepdims=True)) / x.std((1, 2), keepdims=True)
    return TensorDataset(torch.from_numpy(x.astype(np.float32))[:, None], torch.from_numpy(np.array(ys)[p]))


class Backbone(nn.Module):
    def __init__(self, emb=48):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.PReLU(16), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32), nn.PReLU(32), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(512, emb), nn.BatchNorm1d(emb))

    def forward(self, x):
        return self.body(x)


class CosHead(nn.Module):
    def __init__(self, emb=48, s=12.0, m=0.1):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(N_ID, emb))
        nn.init.xavier_uniform_(self.weight)
        self.s, self.m = s, m

    def forward(self, e, label=None):
        cos = F.linear(F.normalize(e), F.normalize(self.weight))
        if label is not None:
            cos = cos - self.m * F.one_hot(label, N_ID)
        return cos * self.s


class FaceNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone, self.head = Backbone(), CosHead()

    def forward(self, x, label=None):
        return self.head(self.backbone(x), label)


loader = DataLoader(faces(40, 1), batch_size=64, shuffle=False)
val_loader = DataLoader(faces(15, 2), batch_size=100)
net = FaceNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
writer = DiagWriter(logdir)
writer.watch(net, optimizer, criterion)

for epoch in range(15):
    net.train()
    losses = []
    idx, it = 0, iter(loader)
    while idx + loader.batch_size <= len(loader.dataset):
        if form == "faulty":
            inputs, labels = next(iter(loader))
        else:
            inputs, labels = next(it)
        idx += loader.batch_size
        loss = criterion(net(inputs, labels), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    net.eval()
    vl, ok = [], 0
    with torch.no_grad(), writer.evaluating("val"):
        for inputs, labels in val_loader:
            out = net(inputs)
            vl.append(criterion(out, labels).item())
            ok += (out.argmax(1) == labels).sum().item()
    print(f"Epoch {epoch + 1} Training Loss {np.mean(losses):.4f} Val {np.mean(vl):.4f} Prec@1 {ok / len(val_loader.dataset):.3f}")
writer.close()
