"""Blood smear cells: parasitised or not. Class-based trainer with checkpoint of the best weights and ReduceLROnPlateau."""
import copy
import sys
import numpy as np
import torch
from torch import nn, optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def smear(n, rng, size=24):
    yy, xx = np.mgrid[0:size, 0:size]
    X, y = np.zeros((n, 3, size, size), np.float32), rng.integers(0, 2, n)
    for i in range(n):
        cy, cx = size / 2 + rng.normal(0, .8, 2)
        a, b, th = rng.uniform(8.5, 11), rng.uniform(8.5, 11), rng.uniform(0, 3.14)
        u, v = (xx - cx) * np.cos(th) + (yy - cy) * np.sin(th), -(xx - cx) * np.sin(th) + (yy - cy) * np.cos(th)
        cell = (u / a) ** 2 + (v / b) ** 2 < 1
        stain = np.array([.82, .62, .6]) + rng.normal(0, .05, 3)
        im = np.zeros((3, size, size)) + .02
        im[:, cell] = stain[:, None]
        if y[i]:                                      # purple ring or dot, sometimes two
            for _ in range(1 + (rng.random() < .25)):
                r, p = rng.uniform(0, 6), rng.uniform(0, 6.28)
                d = np.hypot(xx - cx - r * np.cos(p), yy - cy - r * np.sin(p))
                w = np.exp(-.5 * ((d - rng.choice([0, 1.6])) / rng.uniform(.8, 1.2)) ** 2) * rng.uniform(.5, 1.)
                im -= w * np.array([.35, .4, .12])[:, None, None] * cell
        elif rng.random() < .3:                       # dust: grey, anywhere
            r, p = rng.uniform(0, 7), rng.uniform(0, 6.28)
            d = np.hypot(xx - cx - r * np.cos(p), yy - cy - r * np.sin(p))
            im -= np.exp(-.5 * (d / .8) ** 2) * .25 * cell
        X[i] = im + rng.normal(0, .04, im.shape)
    return torch.from_numpy((X - .45) / .35), torch.from_numpy(y.astype(np.float32))


class CellNet(nn.Module):
    def __init__(self):
        super().__init__()

        def stage(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        self.features = nn.Sequential(stage(3, 12), stage(12, 24), stage(24, 32))
        self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(.3), nn.Linear(32 * 9, 1))

    def forward(self, x):
        return self.classifier(self.features(x))[:, 0]


class Trainer:
    def __init__(self, model, logdir, lr=1e-3):
        self.model = model
        self.criterion = nn.BCEWithLogitsLoss()
        self.optimizer = optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-2)
        self.scheduler = optim.lr_scheduler.ReduceLROnPlateau(self.optimizer, factor=.3, patience=2)
        self.writer = DiagWriter(logdir)
        self.writer.watch(model, self.optimizer, self.criterion)
        self.best, self.best_state = float('inf'), None

    def run_epoch(self, X, y, bs=48):
        self.model.train()
        total = 0.
        for idx in torch.randperm(len(X)).split(bs):
            xb = X[idx]
            if torch.rand(()) < .5:
                xb = xb.flip(3)
            if torch.rand(()) < .5:
                xb = xb.flip(2)
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.criterion(self.model(xb), y[idx])
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(idx)
        return total / len(X)

    def evaluate(self, X, y, split):
        self.model.eval()
        with self.writer.evaluating(split):
            out = self.model(X)
            return self.criterion(out, y).item(), ((out > 0).float() == y).float().mean().item()

    def fit(self, train, val, epochs):
        for e in range(epochs):
            tr = self.run_epoch(*train)
            va, acc = self.evaluate(*val, 'val')
            self.scheduler.step(va)
            if va < self.best:
                self.best, self.best_state = va, copy.deepcopy(self.model.state_dict())
            print(f'{e + 1:2d} train {tr:.4f} val {va:.4f} acc {acc:.4f} lr {self.optimizer.param_groups[0]["lr"]:.1e}')
        self.model.load_state_dict(self.best_state)
        return tr, va


rng = np.random.default_rng(4)
torch.manual_seed(4)
trainer = Trainer(CellNet(), sys.argv[1])
tr, va = trainer.fit(smear(2400, rng), smear(600, rng), 12)
te, acc = trainer.evaluate(*smear(800, rng), 'test')
trainer.writer.close()
print(f'RESULT train={tr:.4f} val={va:.4f} best={trainer.best:.4f} test={te:.4f} test_acc={acc:.4f}')
