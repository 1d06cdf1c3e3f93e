"""Transfer learning: a net trained on the digits 0-4 is frozen and only a new head learns the digits 5-9 from 60 images;
then the last block is unfrozen with a ten times lower rate (after the PyTorch "Transfer Learning" tutorial and fast.ai's gradual unfreezing)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.manual_seed(0)
rng = np.random.default_rng(0)
d = load_digits()
X = torch.tensor(d.images[:, None] / 16. - .305).float() / .376
Y = torch.tensor(d.target)


def split(classes, n_train):
    idx = rng.permutation(np.where(np.isin(d.target, classes))[0])
    lo = min(classes)
    return (X[idx[:n_train]], Y[idx[:n_train]] - lo), (X[idx[n_train:]], Y[idx[n_train:]] - lo)


def build():
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(24, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        nn.Linear(128, 5))


def accuracy(model, data):
    model.eval()
    with torch.no_grad():
        return (model(data[0]).argmax(1) == data[1]).float().mean().item()


class FineTuned(nn.Module):
    def __init__(self, backbone, n_out):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Sequential(nn.Dropout(.2), nn.Linear(128, n_out))
        for p in self.backbone.parameters():
            p.requires_grad = False

    def train(self, mode=True):
        super().train(mode)
        self.backbone.eval()  # keep the BatchNorm statistics of the source task
        return self

    def forward(self, x):
        return self.head(self.backbone(x))


def main(logdir):
    src_tr, src_te = split(range(0, 5), 700)
    net = build()
    opt = optim.Adam(net.parameters(), lr=2e-3)
    for epoch in range(6):
        net.train()
        for b in torch.randperm(700).split(50):
            opt.zero_grad()
            nn.functional.cross_entropy(net(src_tr[0][b]), src_tr[1][b]).backward()
            opt.step()
    print('source task accuracy %.4f' % accuracy(net, src_te))

    tr, te = split(range(5, 10), 60)
    model = FineTuned(net[:2], 5)
    criterion = nn.CrossEntropyLoss()
    # Observe that only parameters of the final layer are being optimized
    optimizer = optim.SGD(model.head.parameters(), lr=0.02, momentum=0.9)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=30, gamma=0.3)
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, criterion)
    for epoch in range(60):
        if epoch == 40:  # gradual unfreezing
            for p in model.backbone[1].parameters():
                p.requires_grad = True
            optimizer.add_param_group({'params': [p for p in model.backbone[1].parameters()], 'lr': optimizer.param_groups[0]['lr'] / 10})
        model.train()
        tot = 0.
        for b in torch.randperm(60).split(20):
            x = tr[0][b] + 0.1 * torch.randn(len(b), 1, 8, 8)
            optimizer.zero_grad()
            loss = criterion(model(x), tr[1][b])
            loss.backward()
            optimizer.step()
            tot += loss.item() * len(b) / 60
        if epoch < 40:
            scheduler.step()
        if epoch % 10 == 9:
            with writer.evaluating("val"):
                acc = accuracy(model, te)
            print('epoch %d loss %.4f val acc %.4f' % (epoch + 1, tot, acc))
    writer.close()


if __name__ == '__main__':
    main(sys.argv[1])
