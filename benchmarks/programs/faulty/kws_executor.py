# Keyword spotting: TCN over filterbank frames, an Executor class as in wekws/kws/utils
import logging
import sys

import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
torch.manual_seed(777)
KEYWORDS = ["_filler", "hi_robot", "light_on", "light_off", "stop"]


def utterances(n, seed, T=40, mel=20):
    rng = np.random.default_rng(seed)
    tracks = {1: [4, 9, 14], 2: [12, 12, 6], 3: [12, 12, 16], 4: [8, 3, 3]}
    feats, labels = np.zeros((n, T, mel), np.float32), rng.integers(0, 5, n)
    for i, k in enumerate(labels):
        env = rng.normal(0, .6, (T, mel)) + rng.uniform(-.5, .5)
        seq = tracks[k] if k else rng.integers(2, 18, 3).tolist()
        start, width = rng.integers(2, 10), rng.integers(7, 10)
        for s, centre in enumerate(seq):
            c = centre + rng.normal(0, .7)
            t0 = start + s * width
            prof = np.exp(-0.5 * ((np.arange(mel) - c) / 1.2) ** 2)
            env[t0:t0 + width] += rng.uniform(1.2, 2.2) * prof
        feats[i] = env
    return TensorDataset(torch.from_numpy(feats), torch.from_numpy(labels))


class DSDilatedConv1d(nn.Module):
    def __init__(self, c, dilation):
        super().__init__()
        self.dw = nn.Conv1d(c, c, 5, dilation=dilation, padding=2 * dilation, groups=c)
        self.pw = nn.Conv1d(c, c, 1)
        self.bn = nn.BatchNorm1d(c)

    def forward(self, x):
        return x + torch.relu(self.bn(self.pw(self.dw(x))))


class KWSModel(nn.Module):
    def __init__(self, idim=20, hdim=32, odim=5):
        super().__init__()
        self.preprocessing = nn.Sequential(nn.Linear(idim, hdim), nn.ReLU())
        self.backbone = nn.Sequential(*[DSDilatedConv1d(hdim, d) for d in (1, 2, 4)])
        self.classifier = nn.Linear(hdim, odim)

    def forward(self, x):
        x = self.backbone(self.preprocessing(x).transpose(1, 2))
        return self.classifier(x.amax(2))


class Executor:
    def __init__(self):
        self.step = 0

    def train(self, model, criterion, optimizer, data_loader, args):
        model.train()
        for batch_idx, (feats, target) in enumerate(data_loader):
            loss = criterion(model(feats), target)
            if form == "fixed":
                optimizer.zero_grad()
            loss.backward()
            grad_norm = clip_grad_norm_(model.parameters(), args["grad_clip"])
            if torch.isfinite(grad_norm):
                optimizer.step()
            self.step += 1
        return loss.item()

    @torch.no_grad()
    def cv(self, model, criterion, data_loader):
        model.eval()
        loss = acc = n = 0
        for feats, target in data_loader:
            out = model(feats)
            loss += criterion(out, target).item() * len(target)
            acc += (out.argmax(1) == target).sum().item()
            n += len(target)
        return loss / n, acc / n


args = {"max_epoch": 12, "grad_clip": 50, "lr": 0.02}
train_data_loader = DataLoader(utterances(1200, 0), batch_size=50, shuffle=True)
cv_data_loader = DataLoader(utterances(500, 1), batch_size=100)
model = KWSModel()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=args["lr"], momentum=0.9)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
executor = Executor()
for epoch in range(args["max_epoch"]):
    train_loss = executor.train(model, criterion, optimizer, train_data_loader, args)
    with writer.evaluating("val"):
        cv_loss, cv_acc = executor.cv(model, criterion, cv_data_loader)
    logging.info("Epoch %d TRAIN loss %.4f CV loss %.4f acc %.3f lr %g", epoch, train_loss, cv_loss, cv_acc, optimizer.param_groups[0]["lr"])
    scheduler.step(cv_loss)
writer.close()
