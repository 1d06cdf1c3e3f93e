import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from sklearn.datasets import load_digits

from tb_lossdiag import DiagWriter


class ExponentialMovingAverage:
    def __init__(self, model: nn.Module, decay: float):
        self.model = model
        self.decay = decay
        self.shadow = {n: p.clone().detach() for n, p in model.named_parameters()}
        self.backup = {}

    def update(self):
        for n, p in self.model.named_parameters():
            self.shadow[n] = (1.0 - self.decay) * p.data + self.decay * self.shadow[n]

    def apply_shadow(self):
        for n, p in self.model.named_parameters():
            self.backup[n] = p.data.clone()
            p.data.copy_(self.shadow[n])

    def restore(self):
        for n, p in self.model.named_parameters():
            p.data.copy_(self.backup[n])


class TinyDet(nn.Module):
    """one digit per canvas: class + box centre"""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(24 * 16, 64), nn.ReLU())
        self.cls = nn.Linear(64, 10)
        self.box = nn.Linear(64, 2)

    def forward(self, x):
        h = self.backbone(x)
        return self.cls(h), self.box(h).sigmoid()


class DetLoss(nn.Module):
    def __init__(self, box_w=5.0):
        super().__init__()
        self.ce, self.l1, self.w = nn.CrossEntropyLoss(), nn.SmoothL1Loss(beta=0.1), box_w

    def forward(self, pred, target):
        labels, boxes = target
        return self.ce(pred[0], labels) + self.w * self.l1(pred[1], boxes)


class Canvas(Dataset):
    """digit pasted at a random place; a new place every time for training"""

    def __init__(self, images, labels, train, size=16, seed=0):
        self.images, self.labels, self.train, self.size = images, labels, train, size
        self.rng = np.random.default_rng(seed)
        self.fixed = None if train else [self.paste(i) for i in range(len(images))]

    def __len__(self):
        return len(self.images)

    def paste(self, i):
        canvas = self.rng.normal(0, 0.1, (self.size, self.size))
        y, x = self.rng.integers(0, self.size - 8 + 1, 2)
        canvas[y:y + 8, x:x + 8] += self.images[i] / 8 - 0.6
        box = np.array([y + 4, x + 4], np.float32) / self.size
        return canvas.astype(np.float32)[None], self.labels[i], box

    def __getitem__(self, i):
        return self.paste(i) if self.train else self.fixed[i]


def build_data(seed=0):
    d = load_digits()
    p = np.random.default_rng(seed).permutation(len(d.images))
    tr, va = p[:1400], p[1400:]
    return Canvas(d.images[tr], d.target[tr], True), Canvas(d.images[va], d.target[va], False, seed=1)


class ModelTrainer:
    def __init__(self, form, logdir, epochs=15):
        self.form, self.epochs = form, epochs
        tr, va = build_data()
        self.train_loader = DataLoader(tr, 32, shuffle=True)
        self.val_loader = DataLoader(va, 100)
        self.model = TinyDet()
        self.loss_fn = DetLoss()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=4e-3, weight_decay=1e-4)
        self.ema = ExponentialMovingAverage(self.model, decay=0.98)
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.optimizer, self.loss_fn)

    def train_one_batch(self, x, y, b):
        self.optimizer.zero_grad()
        loss = self.loss_fn(self.model(x), (y, b))
        loss.backward()
        self.optimizer.step()
        if self.form == "fixed":
            self.ema.update()
        return loss.item()

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        loss, hit = [], 0
        with self.writer.evaluating("val"):
            for x, y, b in self.val_loader:
                out = self.model(x)
                loss.append(self.loss_fn(out, (y, b)).item())
                hit += (out[0].argmax(1) == y).sum().item()
        return np.mean(loss), hit / len(self.val_loader.dataset)

    def save_checkpoint(self):
        self.ema.apply_shadow()
        state = {k: v.clone() for k, v in self.model.state_dict().items()}
        if self.form == "fixed":
            self.ema.restore()
        return state

    def solve(self):
        for epoch in range(self.epochs):
            self.model.train()
            losses = [self.train_one_batch(*batch) for batch in self.train_loader]
            val, acc = self.validate()
            self.checkpoint = self.save_checkpoint()
            print(f"epoch {epoch:2d} train {np.mean(losses):.4f} (last {losses[-1]:.3f}) val {val:.4f} acc {acc:.3f}")
        self.writer.close()


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    ModelTrainer(sys.argv[1], sys.argv[2]).solve()
