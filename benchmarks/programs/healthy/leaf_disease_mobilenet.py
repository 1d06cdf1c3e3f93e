# PlantVillage style leaf disease classifier, MobileNetV2 blocks from scratch, AdamW, label smoothing
import sys, math
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class Leaves(Dataset):
    """healthy, rust (many small orange spots), blight (few big brown patches), mildew (whitish haze), mosaic (yellow mottling)"""
    def __init__(self, n, seed, train):
        r = np.random.RandomState(seed)
        self.train = train
        self.labels = r.randint(0, 5, n)
        S = 32
        yy, xx = np.mgrid[:S, :S] / S - .5
        imgs = np.zeros((n, 3, S, S), "float32")
        for i, c in enumerate(self.labels):
            a = r.uniform(0, np.pi)
            u, v = np.cos(a) * xx + np.sin(a) * yy, -np.sin(a) * xx + np.cos(a) * yy
            leaf = ((u / r.uniform(.35, .48)) ** 2 + (v / r.uniform(.2, .3)) ** 2 < 1).astype(float)
            green = np.array([.25, .5, .2]) * r.uniform(.7, 1.3)
            im = leaf[None] * green[:, None, None] + (1 - leaf[None]) * r.uniform(.3, .8)
            severity = r.beta(2, 1.6)           # early infections are hard to see
            if c in (1, 2):
                for _ in range(int(3 + 12 * severity) if c == 1 else int(1 + 2 * severity)):
                    cx, cy = r.uniform(-.3, .3, 2)
                    rad = r.uniform(.02, .05) if c == 1 else r.uniform(.06, .13)
                    spot = ((xx - cx) ** 2 + (yy - cy) ** 2 < rad ** 2) * leaf
                    col = np.array([.7, .4, .1]) if c == 1 else np.array([.35, .25, .12])
                    im = im * (1 - .8 * spot) + .8 * spot * col[:, None, None]
            elif c == 3:
                im = im + leaf * severity * .25 * np.exp(-((xx - r.uniform(-.2, .2)) ** 2 + (yy - r.uniform(-.2, .2)) ** 2) / .04)
            elif c == 4:
                m = np.kron(r.rand(8, 8) > .5, np.ones((4, 4))) * leaf * severity
                im = im + m * np.array([.25, .2, 0])[:, None, None]
            imgs[i] = im + r.normal(0, .05, im.shape)
        self.imgs = (imgs.clip(0, 1) - .4) / .25

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        x = torch.from_numpy(self.imgs[i])
        if self.train:
            if torch.rand(()) < .5:
                x = x.flip(2)
            if torch.rand(()) < .5:
                x = x.flip(1)
        return x, int(self.labels[i])


def conv_bn(i, o, k, s=1, g=1, act=True):
    layers = [nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=False), nn.BatchNorm2d(o)]
    return nn.Sequential(*layers, *([nn.ReLU6(inplace=True)] if act else []))


class InvertedResidual(nn.Module):
    def __init__(self, i, o, stride, expand):
        super().__init__()
        h = i * expand
        self.use_res = stride == 1 and i == o
        self.conv = nn.Sequential(conv_bn(i, h, 1), conv_bn(h, h, 3, stride, h), conv_bn(h, o, 1, act=False))

    def forward(self, x):
        return x + self.conv(x) if self.use_res else self.conv(x)


class TinyMobileNet(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.features = nn.Sequential(conv_bn(3, 12, 3, 2), InvertedResidual(12, 16, 2, 3), InvertedResidual(16, 16, 1, 3),
                                      InvertedResidual(16, 32, 2, 3), conv_bn(32, 96, 1))
        self.classifier = nn.Sequential(nn.Dropout(.2), nn.Linear(96, n_classes))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out")
            elif isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, 0, .01)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        return self.classifier(self.features(x).mean([2, 3]))


def main(logdir):
    torch.manual_seed(3)
    train, val = Leaves(2000, 1, True), Leaves(600, 2, False)
    tl = DataLoader(train, 64, shuffle=True, drop_last=True)
    vl = DataLoader(val, 200)
    model = TinyMobileNet(5)
    crit = nn.CrossEntropyLoss(label_smoothing=.1)
    opt = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=.02)
    epochs = 12
    total, warm = epochs * len(tl), len(tl)
    lr = lambda s: (s + 1) / warm if s < warm else .5 * (1 + math.cos(math.pi * (s - warm) / (total - warm)))
    sch = torch.optim.lr_scheduler.LambdaLR(opt, lr)
    writer = DiagWriter(logdir)
    writer.watch(model, opt, crit)
    for ep in range(epochs):
        model.train()
        s = 0
        for x, y in tl:
            opt.zero_grad()
            loss = crit(model(x), y)
            loss.backward()
            opt.step()
            sch.step()
            s += loss.item()
        model.eval()
        v = c = 0
        with torch.no_grad(), writer.evaluating("val"):
            for x, y in vl:
                o = model(x)
                v += crit(o, y).item() * len(y)
                c += (o.argmax(1) == y).sum().item()
        print(f"epoch {ep}: train {s / len(tl):.3f} val {v / len(val):.3f} acc {c / len(val):.3f}")
    writer.close()
    print(f"RESULT train={s / len(tl):.4f} val={v / len(val):.4f} acc={c / len(val):.4f}")


if __name__ == "__main__":
    main(sys.argv[1])
