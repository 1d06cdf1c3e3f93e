# keyword spotting: two keywords + filler on log-mel-like features, mean pooling, torch executor class
import sys, logging
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
logging.basicConfig(level=logging.INFO, format='%(message)s')


def make(n, seed, frames=24, mels=16):
    r = np.random.RandomState(seed)
    label = r.randint(0, 3, n)
    feats = r.randn(n, frames, mels).astype('f') * .9
    m = np.arange(mels)
    for i in range(n):
        dur = r.randint(10, 16)
        st = r.randint(0, frames - dur)
        f0, f1 = {0: (4, 11), 1: (11, 4), 2: (r.uniform(3, 12), r.uniform(3, 12))}[label[i]]
        track = np.linspace(f0, f1, dur) + r.randn() * .8
        feats[i, st:st + dur] += r.uniform(1.4, 2.8) * np.exp(-.5 * ((m[None] - track[:, None]) / 1.2) ** 2)
    return TensorDataset(torch.from_numpy(feats), torch.from_numpy(label))


class DSConv(nn.Module):
    def __init__(self, cin, cout, k=5):
        super().__init__()
        self.depth = nn.Conv1d(cin, cin, k, padding=k // 2, groups=cin)
        self.point = nn.Conv1d(cin, cout, 1)

    def forward(self, x):
        return F.relu(self.point(self.depth(x)))


class KWSModel(nn.Module):
    def __init__(self, idim=16, hdim=24, odim=3):
        super().__init__()
        self.pre = nn.Linear(idim, hdim)
        self.backbone = nn.Sequential(DSConv(hdim, hdim), DSConv(hdim, hdim), DSConv(hdim, hdim))
        self.classifier = nn.Linear(hdim, odim)

    def forward(self, x):
        x = F.relu(self.pre(x)).transpose(1, 2)
        return self.classifier(self.backbone(x).max(2)[0])


class Executor:
    def train(self, model, optimizer, data_loader, criterion):
        model.train()
        total = 0.
        for utts, targets in data_loader:
            loss = criterion(model(utts), targets)
            if sys.argv[1] != 'faulty':
                optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.)
            optimizer.step()
            total += loss.item()
        return total / len(data_loader)

    def cv(self, model, data_loader, criterion):
        model.eval()
        loss = acc = 0.
        with torch.no_grad():
            for utts, targets in data_loader:
                o = model(utts)
                loss += criterion(o, targets).item() * len(targets)
                acc += (o.argmax(1) == targets).sum().item()
        n = len(data_loader.dataset)
        return loss / n, acc / n


if __name__ == '__main__':
    torch.manual_seed(777)
    train_loader = DataLoader(make(3000, 0), batch_size=32, shuffle=True)
    cv_loader = DataLoader(make(600, 1), batch_size=200)
    model = KWSModel()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, optimizer, criterion)
    executor = Executor()
    for epoch in range(6):
        tr = executor.train(model, optimizer, train_loader, criterion)
        with writer.evaluating('val'):
            cv_loss, cv_acc = executor.cv(model, cv_loader, criterion)
        logging.info('Epoch %d TRAIN %.4f CV loss %.4f acc %.3f', epoch, tr, cv_loss, cv_acc)
    writer.close()
    print(f"RESULT val_loss={cv_loss:.4f} acc={cv_acc:.4f}")
