"""Fine-tune a small segmentation model, notebook exported to a script."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1:3]
torch.manual_seed(1)
torch.set_num_threads(1)
np.random.seed(1)

id2label = {0: "background", 1: "disc", 2: "bar"}


def synth(n, size=28):
    yy, xx = np.mgrid[:size, :size]
    imgs, masks = [], []
    for _ in range(n):
        m = np.zeros((size, size), np.int64)
        img = np.random.rand(3)[:, None, None] * 0.4 + np.random.randn(3, size, size) * 0.1
        r = np.random.randint(3, 7)
        cy, cx = np.random.randint(2, size - 2, 2)
        m[(yy - cy) ** 2 + (xx - cx) ** 2 < r * r] = 1
        y0, x0 = np.random.randint(1, size - 8, 2)
        h, w = (4, 14) if np.random.rand() < .5 else (14, 4)
        m[y0:y0 + h, x0:x0 + w] = 2
        c1, c2 = np.array([.9, .2, .3]), np.array([.2, .8, .4])
        img = np.where(m == 1, c1[:, None, None] + np.random.randn(3, size, size) * .15, img)
        img = np.where(m == 2, c2[:, None, None] + np.random.randn(3, size, size) * .15, img)
        imgs.append(((img - .45) / .3).astype(np.float32))
        masks.append(m)
    return imgs, masks


class Augment:
    def __call__(self, image, mask):
        if np.random.rand() < 0.5:
            image = image[:, :, ::-1]
            if mask is not None:
                mask = mask[:, ::-1]
        k = np.random.randint(0, 4)
        image = np.rot90(image, k, axes=(1, 2))
        if mask is not None:
            mask = np.rot90(mask, k)
        return image, mask


class SegDataset(Dataset):
    def __init__(self, imgs, masks, train):
        self.imgs, self.masks, self.train = imgs, masks, train
        self.aug = Augment()

    def __len__(self):
        return len(self.imgs)

    def __getitem__(self, i):
        image, mask = self.imgs[i], self.masks[i]
        if self.train:
            if FORM == "faulty":
                image, _ = self.aug(image, None)
            else:
                image, mask = self.aug(image, mask)
        return torch.from_numpy(image.copy()), torch.from_numpy(mask.copy())


class SegNet(nn.Module):
    def __init__(self, ch=12):
        super().__init__()
        def cbr(i, o, d=1):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=d, dilation=d, bias=False), nn.BatchNorm2d(o), nn.ReLU())
        self.encoder = nn.Sequential(cbr(3, ch), cbr(ch, ch * 2, 2), cbr(ch * 2, ch * 2, 3))
        self.decode_head = nn.Conv2d(ch * 2, len(id2label), 1)

    def forward(self, pixel_values):
        return self.decode_head(self.encoder(pixel_values))


tr = SegDataset(*synth(400), train=True)
va = SegDataset(*synth(120), train=False)
train_loader = DataLoader(tr, batch_size=16, shuffle=True)
val_loader = DataLoader(va, batch_size=40)

model = SegNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=8e-3)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion, train_loader=train_loader)

for epoch in range(10):
    model.train()
    losses = []
    for px, lab in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(px), lab)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    inter, union, vl = np.zeros(3), np.zeros(3), []
    with torch.no_grad(), writer.evaluating("val"):
        for px, lab in val_loader:
            out = model(px)
            vl.append(criterion(out, lab).item())
            p = out.argmax(1)
            for c in range(3):
                inter[c] += ((p == c) & (lab == c)).sum().item()
                union[c] += ((p == c) | (lab == c)).sum().item()
    print(f"epoch {epoch} train {np.mean(losses):.4f} val {np.mean(vl):.4f} mIoU {np.mean(inter / union):.3f}")
writer.close()
