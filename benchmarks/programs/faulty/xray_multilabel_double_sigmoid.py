# ChestX-ray14-like multi-label classification, small DenseNet-ish CNN.
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
mode, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(31)
R = np.random.default_rng(31)
LABELS = ['Effusion', 'Nodule', 'Cardiomegaly', 'Infiltration', 'Pneumothorax']
PRIOR = [.22, .18, .15, .28, .10]
N = 24
yy, xx = np.mgrid[:N, :N]


def film():
    y = (R.random(5) < PRIOR).astype('float32')
    if y[2] and R.random() < .4:
        y[0] = 1                                          # heart failure brings effusion
    lung = sum(np.exp(-(((xx - c) / 4.5) ** 2 + ((yy - 11) / 7.5) ** 2) ** 2) for c in (6.5 + R.normal(0, .5), 17.5 + R.normal(0, .5)))
    im = 1.2 - lung
    r = 3.1 + 1.8 * y[2] + R.normal(0, .5)
    im += .7 / (1 + np.exp((np.hypot(xx - 13, yy - 15) - r) * 2))
    s = R.uniform(.4, 1.1, 5) * y
    side = R.choice([6.5, 17.5])
    im += s[0] / (1 + np.exp(-(yy - 16.5) * 1.5)) * (np.abs(xx - side) < 5)
    cy, cx = R.uniform(5, 17), side + R.uniform(-3, 3)
    im += 1.1 * s[1] * np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / 3)
    im += .8 * s[3] * np.abs(R.normal(0, 1, (N, N))) * lung * (np.abs(xx - R.choice([6.5, 17.5])) < 5)
    im -= .8 * s[4] * np.exp(-((yy - 4.5) / 2.2) ** 2) * (np.abs(xx - R.choice([6.5, 17.5])) < 4)
    return (im + R.normal(0, .17, (N, N))).astype('float32')[None], y


data = [film() for _ in range(2000)]
X, Y = torch.tensor(np.stack([d[0] for d in data])), torch.tensor(np.stack([d[1] for d in data]))
X = (X - X[:1600].mean()) / X[:1600].std()
train_dl = DataLoader(TensorDataset(X[:1600], Y[:1600]), 32, shuffle=True)
val_dl = DataLoader(TensorDataset(X[1600:], Y[1600:]), 100)


class DenseBlock(nn.Module):
    def __init__(self, c, g, n):
        super().__init__()
        self.layers = nn.ModuleList(nn.Sequential(nn.BatchNorm2d(c + i * g), nn.ReLU(), nn.Conv2d(c + i * g, g, 3, padding=1, bias=False)) for i in range(n))

    def forward(self, x):
        for l in self.layers:
            x = torch.cat([x, l(x)], 1)
        return x


class CheXMini(nn.Module):
    def __init__(self, out_size):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 5, stride=2, padding=2)
        self.block1, self.t1 = DenseBlock(8, 8, 2), nn.Conv2d(24, 16, 1)
        self.block2 = DenseBlock(16, 8, 2)
        self.bn = nn.BatchNorm2d(32)
        self.classifier = nn.Sequential(nn.Linear(32 * 9, out_size), nn.Sigmoid()) if mode == "faulty" else nn.Linear(32 * 9, out_size)

    def forward(self, x):
        x = F.avg_pool2d(self.t1(self.block1(self.stem(x))), 2)
        x = F.relu(self.bn(self.block2(x)))
        return self.classifier(F.max_pool2d(x, 2).flatten(1))


model = CheXMini(len(LABELS))
loss = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.999), eps=1e-08, weight_decay=1e-5)
sched = torch.optim.lr_scheduler.StepLR(optimizer, 4, .3)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss)

for epochID in range(6):
    model.train()
    lossTrain = 0
    for inp, target in train_dl:
        lossvalue = loss(model(inp), target)
        optimizer.zero_grad()
        lossvalue.backward()
        optimizer.step()
        lossTrain += lossvalue.item()
    sched.step()
    model.eval()
    outs, lossVal = [], 0
    with torch.no_grad():
        with writer.evaluating("val"):
            for inp, target in val_dl:
                o = model(inp)
                outs.append(o)
                lossVal += loss(o, target).item()
    outs = torch.cat(outs)
    auc = roc_auc_score(Y[1600:].numpy(), outs.numpy(), average=None)
    prob = outs if mode == "faulty" else torch.sigmoid(outs)
    p = prob.clamp(1e-6, 1 - 1e-6)
    nll = F.binary_cross_entropy(p, Y[1600:]).item()
    print('Epoch [%d] [train] loss= %.4f [val] loss= %.4f auroc %.3f' % (epochID + 1, lossTrain / len(train_dl), lossVal / len(val_dl), auc.mean()))
writer.close()
print(f"RESULT train_loss {lossTrain / len(train_dl):.4f} val_loss {lossVal / len(val_dl):.4f} auroc {auc.mean():.4f} nll_of_probabilities {nll:.4f} f1 {(2 * ((p > .5) * Y[1600:]).sum() / ((p > .5).sum() + Y[1600:].sum())).item():.3f}")
