# face-recognition style training, after Face_Pytorch (ArcMarginProduct + CrossEntropy), shrunk to small grey "faces"
import math, os, sys, time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn import Parameter
from torch.utils.data import Dataset, DataLoader
from scipy.ndimage import gaussian_filter, shift as nd_shift
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(11); np.random.seed(11)

N_ID = 60
BATCH = 64
EPOCHS = 16


def make_identities(rng):
    fam = [gaussian_filter(rng.randn(20, 20), 2.2) * 6 for _ in range(12)]   # families look alike
    return [fam[i % 12] + gaussian_filter(rng.randn(20, 20), 1.8) * 2.6 for i in range(N_ID)]


class FaceCrops(Dataset):
    def __init__(self, ids, per_id, rng):
        self.x, self.y = [], []
        for k, proto in enumerate(ids):
            for _ in range(per_id):
                im = nd_shift(proto, rng.uniform(-1.4, 1.4, 2), order=1, mode='nearest')
                light = np.linspace(-1, 1, 20)[None, :] * rng.randn() * 0.5
                im = im * rng.uniform(0.7, 1.3) + light + 1.05 * rng.randn(20, 20)
                self.x.append(im.astype(np.float32)); self.y.append(k)
        self.x = torch.from_numpy(np.stack(self.x))[:, None] / 1.5
        self.y = torch.tensor(self.y)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class ArcMarginProduct(nn.Module):
    def __init__(self, in_feature, out_feature, s=16.0, m=0.20):
        super().__init__()
        self.s, self.m = s, m
        self.weight = Parameter(torch.Tensor(out_feature, in_feature))
        nn.init.xavier_uniform_(self.weight)
        self.cos_m, self.sin_m = math.cos(m), math.sin(m)
        self.th, self.mm = math.cos(math.pi - m), math.sin(math.pi - m) * m

    def forward(self, x, label):
        cosine = F.linear(F.normalize(x), F.normalize(self.weight))
        if not self.training:
            return cosine * self.s
        sine = torch.sqrt((1.0 - cosine.pow(2)).clamp(min=1e-6))
        phi = cosine * self.cos_m - sine * self.sin_m
        phi = torch.where((cosine - self.th) > 0, phi, cosine - self.mm)
        one_hot = torch.zeros_like(cosine).scatter_(1, label.view(-1, 1), 1)
        return (one_hot * phi + (1.0 - one_hot) * cosine) * self.s


class MobileFaceTiny(nn.Module):
    def __init__(self, feat=6):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.PReLU(16),
            nn.Conv2d(16, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.PReLU(32),
            nn.Conv2d(32, 48, 3, 2, 1, bias=False), nn.BatchNorm2d(48), nn.PReLU(48), nn.Flatten())
        self.linear = nn.Linear(48 * 9, feat, bias=False)
        self.bn = nn.BatchNorm1d(feat)

    def forward(self, x):
        return self.bn(self.linear(self.body(x)))


class FaceModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = MobileFaceTiny()
        self.margin = ArcMarginProduct(6, N_ID)

    def forward(self, img, label):
        return self.margin(self.net(img), label)


rng = np.random.RandomState(3)
ids = make_identities(rng)
trainset, valset = FaceCrops(ids, 40, rng), FaceCrops(ids, 12, rng)
trainloader = DataLoader(trainset, batch_size=BATCH, shuffle=True, drop_last=True)
valloader = DataLoader(valset, batch_size=150)

model = FaceModel()
criterion = nn.CrossEntropyLoss()
LR = 0.1
if mode == "faulty":
    optimizer_ft = torch.optim.SGD(model.net.parameters(), lr=LR, momentum=0.9, nesterov=True, weight_decay=5e-4)
else:
    optimizer_ft = torch.optim.SGD([{'params': model.net.parameters(), 'weight_decay': 5e-4},
                                    {'params': model.margin.parameters(), 'weight_decay': 5e-4}],
                                   lr=LR, momentum=0.9, nesterov=True)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer_ft, [10, 14], gamma=0.1)

writer = DiagWriter(logdir)
writer.watch(model, optimizer_ft, criterion)

t0 = time.time()
for epoch in range(1, EPOCHS + 1):
    model.train()
    run, right, n = 0., 0, 0
    for img, label in trainloader:
        optimizer_ft.zero_grad()
        output = model(img, label)
        total_loss = criterion(output, label)
        total_loss.backward()
        optimizer_ft.step()
        run += total_loss.item() * len(label); right += (output.argmax(1) == label).sum().item(); n += len(label)
    scheduler.step()
    model.eval()
    vl, vr, vn = 0., 0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for img, label in valloader:
            out = model(img, label)
            vl += criterion(out, label).item() * len(label)
            vr += (out.argmax(1) == label).sum().item(); vn += len(label)
    print(f"epoch {epoch:02d}/{EPOCHS} train_loss {run / n:.4f} margin-acc {right / n:.3f} val_loss {vl / vn:.4f} "
          f"val_acc {vr / vn:.4f} time {time.time() - t0:.1f}s")
writer.close()
print(f"RESULT val_loss={vl / vn:.4f} val_acc={vr / vn:.4f}")
