"""Cell segmentation with two augmenting generators, one for the images and one for the masks (simulated microscopy, 32 x 32)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

variant, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(31)
rng = np.random.default_rng(31)


def microscopy(n, s=32):
    yy, xx = np.mgrid[:s, :s]
    imgs, masks = np.zeros((n, s, s), np.float32), np.zeros((n, s, s), np.float32)
    for i in range(n):
        for _ in range(rng.integers(2, 5)):
            cy, cx, ry, rx = *rng.uniform(4, s - 4, 2), *rng.uniform(2.5, 6, 2)
            masks[i][((yy - cy) / ry) ** 2 + ((xx - cx) / rx) ** 2 < 1] = 1
        imgs[i] = 0.3 + 0.35 * masks[i] * rng.uniform(0.7, 1.2) + rng.normal(0, 0.12, (s, s)) + 0.1 * xx / s
    return imgs[:, None], masks[:, None]


class ImageDataGenerator:
    def flow(self, arr, batch_size, seed):
        r = np.random.default_rng(seed)
        while True:
            order = r.permutation(len(arr))
            for k in range(0, len(arr) - batch_size + 1, batch_size):
                out = []
                for i in order[k:k + batch_size]:
                    a = np.rot90(arr[i], r.integers(4), axes=(1, 2))
                    if r.random() < 0.5:
                        a = a[:, :, ::-1]
                    out.append(a)
                yield torch.tensor(np.stack(out))


x_train, m_train = microscopy(320)
x_val, m_val = map(torch.tensor, microscopy(80))
image_seed = 1
mask_seed = 1 if variant == "fixed" else 2
image_flow = ImageDataGenerator().flow(x_train, 16, image_seed)
mask_flow = ImageDataGenerator().flow(m_train, 16, mask_seed)

net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 24, 3, padding=2, dilation=2), nn.BatchNorm2d(24), nn.ReLU(),
                    nn.Conv2d(24, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 1))
bce = nn.BCEWithLogitsLoss()
adam = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(logdir)
writer.watch(net, adam, bce)
steps_per_epoch = 20
for epoch in range(15):
    net.train()
    s = 0
    for _, img, msk in zip(range(steps_per_epoch), image_flow, mask_flow):
        adam.zero_grad()
        loss = bce(net(img), msk)
        loss.backward()
        adam.step()
        s += loss.item()
    with writer.evaluating("val"):
        logits = net(x_val)
        vl = bce(logits, m_val).item()
        pr = (logits > 0).float()
        dice = (2 * (pr * m_val).sum() / (pr.sum() + m_val.sum() + 1e-6)).item()
    print(f"epoch {epoch + 1}: loss {s / steps_per_epoch:.4f} val_loss {vl:.4f} dice {dice:.4f}")
writer.close()
print("RESULT val_dice", dice)
