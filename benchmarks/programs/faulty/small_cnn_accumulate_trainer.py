"""CNN on the scikit-learn digits, SGD + momentum, gradient accumulation as in the big-batch recipe.

usage: faulty|fixed LOGDIR
"""
import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class Trainer:
    def __init__(self, model, train_loader, val_loader, mode, logdir, lr=0.02, epochs=12, accum=4):
        self.model, self.train_loader, self.val_loader = model, train_loader, val_loader
        self.mode, self.epochs, self.accum = mode, epochs, accum
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
        self.writer = DiagWriter(logdir)
        self.writer.watch(model, self.optimizer, self.criterion)
        self.global_step = 0

    def train_epoch(self):
        self.model.train()
        losses = []
        for i, (x, y) in enumerate(self.train_loader):
            if self.mode == "faulty":
                # accumulation was switched off again (step every batch)
                if i % self.accum == 0:
                    self.optimizer.zero_grad()
            else:
                self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
            self.global_step += 1
            if self.global_step % 5 == 0:
                self.writer.add_scalar("train/loss", loss.item(), self.global_step)
        return float(np.mean(losses))

    def validate(self):
        n = hit = tot = 0
        with self.writer.evaluating("val"):
            for x, y in self.val_loader:
                out = self.model(x)
                tot += self.criterion(out, y).item() * len(y)
                hit += (out.argmax(1) == y).sum().item()
                n += len(y)
        return tot / n, hit / n

    def fit(self):
        for epoch in range(1, self.epochs + 1):
            tl = self.train_epoch()
            vl, va = self.validate()
            self.writer.add_scalar("val/loss", vl, self.global_step)
            print(f"Epoch {epoch}/{self.epochs} - loss: {tl:.4f} - val_loss: {vl:.4f} - val_acc: {va:.4f}")
        self.writer.close()
        return vl, va


if __name__ == "__main__":
    torch.manual_seed(42)
    d = load_digits()
    x = torch.tensor(d.images / 16., dtype=torch.float32).sub(0.305).div(0.376)[:, None]
    y = torch.tensor(d.target)
    xa, xb, ya, yb = train_test_split(x, y, test_size=400, random_state=0, stratify=y)
    net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
                        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10))
    t = Trainer(net, DataLoader(TensorDataset(xa, ya), batch_size=32, shuffle=True),
                DataLoader(TensorDataset(xb, yb), batch_size=100), sys.argv[1], sys.argv[2])
    loss, acc = t.fit()
    print("RESULT val_acc %.4f val_loss %.4f" % (acc, loss))
