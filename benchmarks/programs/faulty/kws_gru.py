"""Keyword spotting: GRU over filter-bank frames, max pooled over time."""
import argparse
import logging
import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
logging.basicConfig(level=logging.INFO, format="%(message)s")


def make_fbank(n, seed, words=6, frames=20, bands=16):
    """each word = three formant targets; speakers warp the frequencies and the tempo"""
    proto = np.random.RandomState(99).uniform(2, 14, (words, 2, 4))
    r = np.random.RandomState(seed)
    y = r.randint(0, words, n)
    feats = np.zeros((n, frames, bands), np.float32)
    b = np.arange(bands)
    for i, k in enumerate(y):
        warp, start, length = r.uniform(0.85, 1.15), r.randint(0, 4), r.randint(11, 16)
        pos = np.linspace(0, 3, length)
        for f in range(2):
            track = np.interp(pos, np.arange(4), proto[k, f]) * warp
            feats[i, start:start + length] += np.exp(-0.5 * ((b[None] - track[:, None]) / 1.1) ** 2)
    feats += 0.7 * r.randn(*feats.shape)
    return torch.tensor((feats - feats.mean()) / feats.std()), torch.tensor(y)


class KWSModel(nn.Module):
    def __init__(self, idim, hdim, odim):
        super().__init__()
        self.preprocessing = nn.Linear(idim, hdim)
        self.backbone = nn.GRU(hdim, hdim, batch_first=True)
        self.classifier = nn.Linear(hdim, odim)

    def forward(self, x):
        x = torch.relu(self.preprocessing(x))
        x, _ = self.backbone(x)
        return self.classifier(x).max(dim=1)[0]


class Executor:
    def __init__(self, form):
        self.step = 0
        self.form = form

    def train(self, model, optimizer, data_loader, writer, args):
        model.train()
        total = 0.0
        for batch_idx, (feats, target) in enumerate(data_loader):
            logits = model(feats)
            loss = self.criterion(logits, target)
            if self.form == "fixed":
                optimizer.zero_grad()
            loss.backward()
            grad_norm = clip_grad_norm_(model.parameters(), args["grad_clip"])
            if torch.isfinite(grad_norm):
                optimizer.step()
            total += loss.item()
            self.step += 1
        return total / len(data_loader)

    def cv(self, model, data_loader, writer):
        model.eval()
        loss, acc, n = 0.0, 0.0, 0
        with torch.no_grad(), writer.evaluating("val"):
            for feats, target in data_loader:
                logits = model(feats)
                loss += self.criterion(logits, target).item() * len(target)
                acc += (logits.argmax(1) == target).sum().item()
                n += len(target)
        return loss / n, acc / n

    criterion = nn.CrossEntropyLoss()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("form")
    parser.add_argument("logdir")
    a = parser.parse_args()
    conf = {"grad_clip": 5.0, "max_epoch": 9, "lr": 0.01}
    torch.manual_seed(777)
    train_loader = DataLoader(TensorDataset(*make_fbank(1200, 0)), batch_size=32, shuffle=True)
    cv_loader = DataLoader(TensorDataset(*make_fbank(400, 1)), batch_size=100)
    model = KWSModel(16, 24, 6)
    optimizer = torch.optim.Adam(model.parameters(), lr=conf["lr"])
    sched = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.8)
    executor = Executor(a.form)
    writer = DiagWriter(a.logdir)
    writer.watch(model, optimizer, executor.criterion)
    for epoch in range(conf["max_epoch"]):
        tl = executor.train(model, optimizer, train_loader, writer, conf)
        cv_loss, cv_acc = executor.cv(model, cv_loader, writer)
        sched.step()
        logging.info("Epoch {} TRAIN loss {:.4f} CV loss {:.4f} acc {:.3f}".format(epoch, tl, cv_loss, cv_acc))
    writer.close()
