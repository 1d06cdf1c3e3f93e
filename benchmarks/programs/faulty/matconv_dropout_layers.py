# small CNN with four conv layers, ported from a MatConvNet cnn_train script (opts struct and all)
import sys
from types import SimpleNamespace
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
opts = SimpleNamespace(numEpochs=14, batchSize=32, learningRate=0.02, momentum=0.9, weightDecay=5e-4,
                       dropout=0.6 if sys.argv[1] == "faulty" else 0.0)

d = load_digits()
x = torch.tensor(d.images, dtype=torch.float32)[:, None]
x = nn.functional.interpolate(x, scale_factor=2, mode="bilinear") + 2.5 * torch.randn(len(x), 1, 16, 16)
y = torch.tensor(d.target)
imset = torch.where(torch.rand(len(x)) < 0.75, 1, 3)          # imdb.images.set
x = (x - x[imset == 1].mean()) / x[imset == 1].std()


def layer(i, o, pool):
    l = [nn.Conv2d(i, o, 3, padding=1), nn.ReLU()]
    if pool:
        l.append(nn.MaxPool2d(2))
    if opts.dropout > 0:
        l.append(nn.Dropout(opts.dropout))
    return l


net = nn.Sequential(*layer(1, 10, True), *layer(10, 16, True), *layer(16, 24, False), *layer(24, 32, True),
                    nn.Flatten(), nn.Linear(32 * 4, 10))
for m in net:
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
        nn.init.zeros_(m.bias)
sgd = torch.optim.SGD(net.parameters(), lr=opts.learningRate, momentum=opts.momentum, weight_decay=opts.weightDecay)
softmaxloss = nn.CrossEntropyLoss()
w = DiagWriter(sys.argv[2])
w.watch(net, sgd, softmaxloss)
tr, va = (imset == 1).nonzero()[:, 0], (imset == 3).nonzero()[:, 0]
for epoch in range(1, opts.numEpochs + 1):
    net.train()
    obj = err = 0.0
    for b in tr[torch.randperm(len(tr))].split(opts.batchSize):
        out = net(x[b])
        l = softmaxloss(out, y[b])
        sgd.zero_grad()
        l.backward()
        sgd.step()
        obj += l.item() * len(b); err += (out.argmax(1) != y[b]).sum().item()
    net.eval()
    with w.evaluating("val"), torch.no_grad():
        out = net(x[va])
        vo, ve = softmaxloss(out, y[va]).item(), (out.argmax(1) != y[va]).float().mean().item()
    print(f"train: epoch {epoch:02d}: objective: {obj / len(tr):.3f} top1err: {err / len(tr):.3f}  val: {vo:.3f} {ve:.3f}")
w.close()
print(f"RESULT val objective {vo:.4f} top1err {ve:.4f}")
