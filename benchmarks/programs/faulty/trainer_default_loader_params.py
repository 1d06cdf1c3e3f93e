"""Image classifier trained through a small training library: dataloaders are made from default parameters updated by the user's."""
import sys, math
import numpy as np
import torch, torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

MODE, CKPT = sys.argv[1], sys.argv[2]
torch.set_num_threads(1); torch.manual_seed(17)

# ---- "library" ------------------------------------------------------------------------------
DEFAULT_TRAIN_LOADER_PARAMS = {"batch_size": 64, "num_workers": 0, "drop_last": True}


def get_loader(dataset, params):
    p = dict(DEFAULT_TRAIN_LOADER_PARAMS); p.update(params)
    return DataLoader(dataset, **p)


class Average:
    def __init__(self):
        self.s = self.n = 0.

    def update(self, v, k):
        self.s += v * k; self.n += k

    @property
    def value(self):
        return self.s / max(self.n, 1)


class Trainer:
    def __init__(self, name):
        self.name = name

    def train(self, model, training_params, train_loader, valid_loader):
        tp = training_params
        crit = nn.CrossEntropyLoss()
        opt = torch.optim.SGD(model.parameters(), lr=tp["initial_lr"], **tp["optimizer_params"])
        total = tp["max_epochs"] * len(train_loader)
        warm = tp["warmup_steps"]
        sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda i: (i + 1) / warm if i < warm else 0.5 * (1 + math.cos(math.pi * (i - warm) / (total - warm))))
        writer = DiagWriter(CKPT); writer.watch(model, opt, crit)
        for ep in range(tp["max_epochs"]):
            model.train(); tr = Average()
            for x, y in train_loader:
                loss = crit(model(x), y)
                opt.zero_grad(); loss.backward(); opt.step(); sched.step()
                tr.update(loss.item(), len(y))
            model.eval(); vl, va = Average(), Average()
            with torch.no_grad(), writer.evaluating("val"):
                for x, y in valid_loader:
                    o = model(x)
                    vl.update(crit(o, y).item(), len(y)); va.update((o.argmax(1) == y).float().mean().item(), len(y))
            print(f"SUMMARY OF EPOCH {ep}: train {tr.value:.4f} valid {vl.value:.4f} acc {va.value:.4f}")
        writer.close()
        return tr.value, vl.value, va.value


# ---- the user's script ----------------------------------------------------------------------
class MiniImageNet(Dataset):
    """class folders n01.. n12, textures of oriented, coloured gratings with clutter; listed as ImageFolder does"""
    CLASSES = [(a, f) for a in np.linspace(0, np.pi, 6, endpoint=False) for f in (0.9, 1.5)]

    def __init__(self, per_class, seed):
        r = np.random.RandomState(seed); s = 16
        yy, xx = np.mgrid[:s, :s]
        self.samples = []
        for k, (a, f) in enumerate(self.CLASSES):
            for _ in range(per_class):
                aa, ff = a + 0.12 * r.randn(), f * np.exp(0.1 * r.randn())
                g = np.sin(ff * (xx * np.cos(aa) + yy * np.sin(aa)) + r.uniform(0, 6.28))
                col = r.uniform(-.6, 1, 3)
                img = col[:, None, None] * g + 0.7 * r.randn(3, s, s)
                x0, y0 = r.randint(0, 11, 2); img[:, y0:y0 + 6, x0:x0 + 6] = r.randn(3, 1, 1)      # something in front
                self.samples.append((torch.tensor(img, dtype=torch.float32), k))

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, i):
        return self.samples[i]


class Basic(nn.Module):
    def __init__(self, i, o, s):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o)
        self.c2, self.b2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.short = nn.Conv2d(i, o, 1, s, bias=False) if (s > 1 or i != o) else nn.Identity()

    def forward(self, x):
        h = self.b2(self.c2(torch.relu(self.b1(self.c1(x)))))
        return torch.relu(h + self.short(x))


model = nn.Sequential(Basic(3, 12, 1), Basic(12, 24, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 12))
dataloader_params = {"batch_size": 48} if MODE == "faulty" else {"batch_size": 48, "shuffle": True}
train_loader = get_loader(MiniImageNet(300, 1), dataloader_params)
valid_loader = get_loader(MiniImageNet(60, 2), {"batch_size": 240, "drop_last": False})
train_params = {"max_epochs": 6, "initial_lr": 0.1, "warmup_steps": 50, "optimizer_params": {"weight_decay": 5e-4, "momentum": 0.9, "nesterov": True}}
t, v, a = Trainer("mini").train(model, train_params, train_loader, valid_loader)
print(f"RESULT val_loss={v:.4f} val_acc={a:.4f} train={t:.4f}")
