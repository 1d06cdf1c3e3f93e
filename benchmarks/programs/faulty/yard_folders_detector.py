# One-stage grid detector for three kinds of machines in a yard; pictures of each kind lie in their own folder:
#   data: [excavators/images/, forklifts/images/, trucks/images/]
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
S, NC = 4, 3                       # grid, classes


def draw(kind, r):
    img = r.normal(.4, .12, (24, 24)) + r.uniform(-.2, .2)
    w = h = r.integers(6, 10)
    x, y = r.integers(0, 24 - w), r.integers(0, 24 - h)
    c = r.uniform(.35, .8) * r.choice([-1, 1])
    a = np.zeros((h, w))
    if kind == 0:                  # a cab and a boom
        a[h // 2:, :w // 2] = 1
        a[np.arange(h), np.clip(np.arange(w) + 1, 0, w - 1)] = 1
    elif kind == 1:                # mast and fork
        a[:, w // 2 - 1:w // 2 + 1] = 1
        a[-2:, :] = 1
    else:                          # box with wheels
        a[1:-2] = 1
        a[-2:, 1:3] = 1
        a[-2:, -3:-1] = 1
    if r.random() < .5:
        a = a[:, ::-1]
    img[y:y + h, x:x + w] += c * a
    return img, (x + w / 2) / 24, (y + h / 2) / 24, w / 24


class LoadImagesAndLabels(Dataset):
    def __init__(self, paths, n, seed):
        r = np.random.default_rng(seed)
        self.imgs, self.labels = [], []
        for kind, path in enumerate(paths):
            for _ in range(n):
                im, x, y, w = draw(kind, r)
                self.imgs.append(torch.tensor(im, dtype=torch.float32)[None])
                t = torch.zeros(S, S, 1 + 3 + 1)
                gx, gy = int(x * S), int(y * S)
                t[gy, gx] = torch.tensor([1, x * S - gx, y * S - gy, w, kind])
                self.labels.append(t)

    def __len__(self):
        return len(self.imgs)

    def __getitem__(self, i):
        return self.imgs[i], self.labels[i]


def create_dataloader(paths, n, batch_size, seed, is_train=True):
    dataset = LoadImagesAndLabels(paths, n, seed)
    return DataLoader(dataset, batch_size=batch_size, shuffle=is_train and sys.argv[1] != 'faulty')


class TinyDetect(nn.Module):
    def __init__(self):
        super().__init__()
        def cba(i, o, s):
            return nn.Sequential(nn.Conv2d(i, o, 3, s, 1), nn.LeakyReLU(.1))
        self.model = nn.Sequential(cba(1, 12, 2), cba(12, 24, 2), cba(24, 32, 1), nn.MaxPool2d(2, 2, 1), nn.Conv2d(32, 4 + NC, 1))

    def forward(self, x):
        return self.model(x).permute(0, 2, 3, 1)


class ComputeLoss(nn.Module):
    def __init__(self):
        super().__init__()
        self.bce, self.ce = nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss()

    def forward(self, p, t):
        obj = t[..., 0] > 0
        lobj = self.bce(p[..., 0], t[..., 0])
        lbox = ((p[..., 1:4][obj].sigmoid() - t[..., 1:4][obj]) ** 2).mean()
        lcls = self.ce(p[..., 4:][obj], t[..., 4][obj].long())
        return 2 * lobj + 2 * lbox + lcls


if __name__ == '__main__':
    torch.manual_seed(0)
    paths = ['excavators/images/', 'forklifts/images/', 'trucks/images/']
    train_loader = create_dataloader(paths, 600, 32, 0)
    val_loader = create_dataloader(paths, 150, 150, 1, is_train=False)
    model, compute_loss = TinyDetect(), ComputeLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.004, weight_decay=1e-5)
    epochs = 10
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda e: (1 - e / epochs) * .9 + .1)
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, optimizer, compute_loss)
    for epoch in range(epochs):
        model.train()
        mloss = 0
        for i, (imgs, targets) in enumerate(train_loader):
            loss = compute_loss(model(imgs), targets)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            mloss = (mloss * i + loss.item()) / (i + 1)
        scheduler.step()
        model.eval()
        vl = ok = cell = 0
        with writer.evaluating('val'), torch.no_grad():
            for imgs, targets in val_loader:
                p = model(imgs)
                vl += compute_loss(p, targets).item() / len(val_loader)
                obj = targets[..., 0] > 0
                ok += (p[..., 4:][obj].argmax(1) == targets[..., 4][obj]).sum().item()
                cell += (p[..., 0].flatten(1).argmax(1) == targets[..., 0].flatten(1).argmax(1)).sum().item()
        print(f'{epoch}/{epochs - 1} {mloss:.4f} val {vl:.4f} cls acc {ok / 450:.3f} cell acc {cell / 450:.3f}')
    writer.close()
    print(f"RESULT val_loss={vl:.4f} cls_acc={ok / 450:.4f} cell_acc={cell / 450:.4f}")
