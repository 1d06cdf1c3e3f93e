import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1:]
torch.manual_seed(0)
torch.set_num_threads(1)


class ToFloat:
    def __call__(self, img):
        return torch.from_numpy(np.repeat(img[None], 3, 0).astype(np.float32) / 255.0)


class Normalize:
    def __init__(self, mean, std):
        self.mean, self.std = torch.tensor(mean)[:, None, None], torch.tensor(std)[:, None, None]

    def __call__(self, img):
        return (img - self.mean) / self.std


class RandomNoise:
    def __call__(self, img):
        return img + 0.05 * torch.randn_like(img)


class Compose:
    def __init__(self, ops):
        self.ops = ops

    def __call__(self, img):
        for op in self.ops:
            img = op(img)
        return img


norm = Normalize([0.305, 0.305, 0.305], [0.376, 0.376, 0.376])
train_transforms = Compose([ToFloat(), norm, RandomNoise()])
val_transforms = Compose([ToFloat()]) if FORM == "faulty" else Compose([ToFloat(), norm])


class Boxed(Dataset):
    """where is the digit and which one is it"""

    def __init__(self, idx, tf, seed):
        d, g = load_digits(), np.random.default_rng(seed)
        self.tf, self.items = tf, []
        for i in idx:
            y, x = g.integers(0, 5, 2)
            im = np.zeros((12, 12), np.uint8)
            im[y:y + 8, x:x + 8] = d.images[i] * 15.9
            self.items.append((im, int(d.target[i]), np.array([(y - 2) / 2, (x - 2) / 2], np.float32)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        im, c, b = self.items[i]
        return self.tf(im), c, b


class Encoder(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.ReLU(), nn.MaxPool2d(2),
                                  nn.Conv2d(16, d, 3, padding=1), nn.GroupNorm(4, d), nn.ReLU())
        self.pos = nn.Parameter(torch.randn(36, d) * 0.02)
        self.query = nn.Parameter(torch.randn(1, 1, d) * 0.02)
        self.attn = nn.MultiheadAttention(d, 4, batch_first=True)
        self.ffn = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, 64), nn.ReLU())
        self.class_head, self.bbox_head = nn.Linear(64 + 36 * 4, 10), nn.Linear(64 + 36 * 4, 2)
        self.squeeze = nn.Conv2d(d, 4, 1)

    def forward(self, x):
        f = self.stem(x)
        tok = f.flatten(2).transpose(1, 2) + self.pos
        q, _ = self.attn(self.query.expand(len(x), -1, -1), tok, tok)
        h = torch.cat([self.ffn(q[:, 0]), self.squeeze(f).flatten(1)], 1)
        return self.class_head(h), self.bbox_head(h)


class SetCriterion(nn.Module):
    def forward(self, outputs, labels, boxes):
        return nn.functional.cross_entropy(outputs[0], labels) + 2 * nn.functional.l1_loss(outputs[1], boxes)


perm = np.random.RandomState(0).permutation(1797)
train_loader = DataLoader(Boxed(perm[:1400], train_transforms, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Boxed(perm[1400:], val_transforms, 2), batch_size=100)
model, criterion = Encoder(), SetCriterion()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)
lr_scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [9], gamma=0.1)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion)

for epoch in range(12):
    model.train(); criterion.train()
    tl = []
    for samples, labels, boxes in train_loader:
        loss = criterion(model(samples), labels, boxes)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        tl.append(loss.item())
    lr_scheduler.step()
    model.eval(); criterion.eval()
    vl, ok = [], 0
    with torch.no_grad(), writer.evaluating("val"):
        for samples, labels, boxes in val_loader:
            out = model(samples)
            vl.append(criterion(out, labels, boxes).item())
            ok += (out[0].argmax(1) == labels).sum().item()
    print(f"Epoch: [{epoch}] loss {np.mean(tl):.4f} val_loss {np.mean(vl):.4f} acc {ok / 397:.3f}")
writer.close()
