"""Supervised contrastive learning (HobbitLong/SupContrast) on vibration windows, then main_linear on the frozen encoder."""
import sys
import argparse
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter


def parse_option():
    parser = argparse.ArgumentParser('argument for training')
    parser.add_argument('logdir')
    parser.add_argument('--batch_size', type=int, default=128)
    parser.add_argument('--epochs', type=int, default=10)
    parser.add_argument('--learning_rate', type=float, default=0.1)
    parser.add_argument('--momentum', type=float, default=0.9)
    parser.add_argument('--weight_decay', type=float, default=1e-4)
    parser.add_argument('--temp', type=float, default=0.1)
    return parser.parse_args()


def make_windows(n, gen, T=96, n_cls=6):
    """machine states: two tones whose frequencies depend on the state and overlap between states, plus coloured noise"""
    y = torch.randint(n_cls, (n,), generator=gen)
    t = torch.arange(T) / T
    f1 = 4 + 1.1 * y + 0.5 * torch.randn(n, generator=gen)
    f2 = 15 - 0.9 * y + 0.7 * torch.randn(n, generator=gen)
    ph = torch.rand(n, 2, generator=gen) * 2 * math.pi
    x = torch.sin(2 * math.pi * f1[:, None] * t + ph[:, :1]) + 0.6 * torch.sin(2 * math.pi * f2[:, None] * t + ph[:, 1:])
    noise = torch.randn(n, T + 4, generator=gen)
    noise = F.avg_pool1d(noise[:, None], 5, 1)[:, 0] * 1.4
    return (x + noise)[:, None], y


class TwoCropTransform:
    def __call__(self, x):
        return torch.cat([self.aug(x), self.aug(x)])

    @staticmethod
    def aug(x):
        s = 1 + 0.2 * torch.randn(len(x), 1, 1)
        x = x.roll(int(torch.randint(96, ())), -1) * s
        return x + 0.3 * torch.randn_like(x)


class SupConLoss(nn.Module):
    def __init__(self, temperature=0.07, base_temperature=0.07):
        super().__init__()
        self.temperature, self.base_temperature = temperature, base_temperature

    def forward(self, features, labels):
        # features: [bsz, n_views, f]
        n = features.shape[0]
        mask = (labels[:, None] == labels[None]).float().repeat(2, 2)
        f = torch.cat(torch.unbind(features, 1), 0)
        logits = f @ f.T / self.temperature
        logits = logits - logits.max(1, keepdim=True)[0].detach()
        eye = 1 - torch.eye(2 * n)
        mask = mask * eye
        log_prob = logits - (logits.exp() * eye).sum(1, keepdim=True).log()
        return -(self.temperature / self.base_temperature) * ((mask * log_prob).sum(1) / mask.sum(1)).mean()


class SupConNet(nn.Module):
    def __init__(self, feat_dim=32):
        super().__init__()
        def block(i, o, s):
            return nn.Sequential(nn.Conv1d(i, o, 7, s, 3, bias=False), nn.BatchNorm1d(o), nn.ReLU())
        self.encoder = nn.Sequential(block(1, 16, 2), block(16, 32, 2), block(32, 48, 2), nn.AdaptiveAvgPool1d(1), nn.Flatten())
        self.head = nn.Sequential(nn.Linear(48, 48), nn.ReLU(inplace=True), nn.Linear(48, feat_dim))

    def forward(self, x):
        return F.normalize(self.head(self.encoder(x)), dim=1)


def main():
    opt = parse_option()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    gen = torch.Generator().manual_seed(77)
    x, y = make_windows(1920, gen)
    xv, yv = make_windows(600, gen)
    model, criterion = SupConNet(), SupConLoss(temperature=opt.temp)
    optimizer = torch.optim.SGD(model.parameters(), lr=opt.learning_rate, momentum=opt.momentum, weight_decay=opt.weight_decay)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, opt.epochs * (len(x) // opt.batch_size))
    two = TwoCropTransform()
    writer = DiagWriter(opt.logdir)
    writer.watch(model, optimizer, criterion)

    for epoch in range(1, opt.epochs + 1):
        model.train()
        losses = []
        for idx in torch.randperm(len(x)).split(opt.batch_size):
            if len(idx) < opt.batch_size:
                continue
            f = model(two(x[idx]))
            f1, f2 = f.chunk(2)
            loss = criterion(torch.stack([f1, f2], 1), y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            vs = []
            for b in range(0, 512, 128):
                f1, f2 = model(two(xv[b:b + 128])).chunk(2)
                vs.append(criterion(torch.stack([f1, f2], 1), yv[b:b + 128]).item())
        print(f'epoch {epoch}, loss {sum(losses) / len(losses):.3f} val {sum(vs) / 4:.3f}')

    # stage 2: linear classifier, encoder frozen (logged apart)
    classifier = nn.Linear(48, 6)
    opt2 = torch.optim.SGD(classifier.parameters(), lr=0.5, momentum=0.9)
    ce = nn.CrossEntropyLoss()
    model.eval()
    with torch.no_grad():
        fx, fv = model.encoder(x), model.encoder(xv)
    for e in range(60):
        for idx in torch.randperm(len(fx)).split(256):
            l = ce(classifier(fx[idx]), y[idx])
            opt2.zero_grad(); l.backward(); opt2.step()
    acc = (classifier(fv).argmax(1) == yv).float().mean().item()
    writer.close()
    print(f"RESULT supcon_train={sum(losses) / len(losses):.4f} supcon_val={sum(vs) / 4:.4f} floor_by_classes={math.log(256/6)*1:.2f} linear_acc={acc:.4f}")


if __name__ == '__main__':
    main()
