"""House-number digits: train on the catalogue pictures (sklearn digits upsampled to 16x16), test on the pictures of the second camera."""
import sys
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

class Camera:
    """adds sensor noise like the camera that took the pictures"""
    def __init__(self, read_noise, shot, seed): self.read, self.shot, self.g = read_noise, shot, torch.Generator().manual_seed(seed)
    def __call__(self, x):
        n = torch.randn(x.shape, generator=self.g)
        return x + n * (self.read ** 2 + self.shot * x.clamp(min=0)).sqrt()

class Trainer:
    def __init__(self, model, writer):
        self.model, self.w = model, writer
        self.opt = torch.optim.SGD(model.parameters(), lr=.05, momentum=.9, nesterov=True)
        self.crit = nn.CrossEntropyLoss(); self.w.watch(model, self.opt, self.crit)
    def fit(self, x, y):
        self.model.train()
        for b in torch.randperm(len(x)).split(32):
            self.opt.zero_grad(set_to_none=True); loss = self.crit(self.model(x[b]), y[b]); loss.backward(); self.opt.step()
        return loss.item()
    def score(self, x, y, split):
        self.model.eval(); hit = 0
        with self.w.evaluating(split):
            for i in range(0, len(x), 100):
                o = self.model(x[i:i+100]); self.crit(o, y[i:i+100]); hit += (o.argmax(1) == y[i:i+100]).sum().item()
        return hit / len(x)

def net():
    return nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(.2), nn.Linear(24 * 16, 10))

if __name__ == "__main__":
    form, logdir = sys.argv[1:3]
    torch.manual_seed(2); torch.set_num_threads(1)
    d = load_digits(); p = torch.randperm(1797)
    x = F.interpolate(torch.tensor(d.images, dtype=torch.float32)[:, None] / 16, size=16, mode="bilinear")[p]; y = torch.tensor(d.target)[p]
    day = Camera(.05, .002, 1)
    second = Camera(.45, .05, 2) if form == "faulty" else Camera(.05, .002, 2)
    xtr, xva, xte = day(x[:1000]), day(x[1000:1300]), second(x[1300:])
    m, s = xtr.mean(), xtr.std(); xtr, xva, xte = (xtr - m) / s, (xva - m) / s, (xte - m) / s
    t = Trainer(net(), DiagWriter(logdir))
    for ep in range(14):
        l = t.fit(xtr, y[:1000]); va = t.score(xva, y[1000:1300], "val"); te = t.score(xte, y[1300:], "test")
        print(f"{ep:2d} {l:.4f} val {va:.3f} test {te:.3f}")
    t.w.close(); print(f"RESULT val_accuracy {va:.4f} test_accuracy {te:.4f}")
