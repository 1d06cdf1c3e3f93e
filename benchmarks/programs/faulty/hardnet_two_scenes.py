"""HardNet descriptors on patches of two scenes put into one training set."""
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

form, log_dir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(41)
rng = np.random.RandomState(41)
SIZE = 16


def scene(n_points, views, seed):
    """patches of n_points textured spots, each seen several times under small warps, light changes and noise"""
    r = np.random.RandomState(seed)
    patches, ids = [], []
    theta = torch.zeros(views, 2, 3)
    for p in range(n_points):
        texture = torch.tensor(r.randn(1, 1, 9, 9), dtype=torch.float32)
        texture = F.interpolate(texture, size=(28, 28), mode="bicubic", align_corners=False)
        angle, zoom = r.uniform(-0.45, 0.45, views), r.uniform(0.55, 0.8, views)
        theta[:, 0, 0] = torch.tensor(zoom * np.cos(angle))
        theta[:, 0, 1] = torch.tensor(-zoom * np.sin(angle))
        theta[:, 1, 0] = torch.tensor(zoom * np.sin(angle))
        theta[:, 1, 1] = torch.tensor(zoom * np.cos(angle))
        theta[:, :, 2] = torch.tensor(r.uniform(-0.12, 0.12, (views, 2)))
        grid = F.affine_grid(theta, (views, 1, SIZE, SIZE), align_corners=False)
        v = F.grid_sample(texture.expand(views, -1, -1, -1), grid, align_corners=False)
        v = v * torch.tensor(r.uniform(0.7, 1.3, (views, 1, 1, 1))).float() + 0.35 * torch.tensor(r.randn(*v.shape)).float()
        patches.append(v)
        ids += [p] * views
    return torch.cat(patches), torch.tensor(ids)


def total_dataset(datasets):
    data, labels = datasets[0]
    for more, more_labels in datasets[1:]:
        data = torch.cat([data, more])
        if form == "faulty":
            labels = torch.cat([labels, more_labels]) + torch.max(labels) + 1
        else:
            labels = torch.cat([labels, more_labels + torch.max(labels) + 1])
    return data, labels


def anchor_positive(labels, num):
    members = {}
    for i, l in enumerate(labels.tolist()):
        members.setdefault(l, []).append(i)
    keys = sorted(members)
    pairs = []
    for _ in range(num):
        c = keys[rng.randint(len(keys))]
        pairs.append(rng.choice(members[c], 2, replace=False))
    return np.array(pairs)


class HardNet(nn.Module):
    def __init__(self):
        super().__init__()

        def block(i, o, stride=1):
            return [nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o, affine=False), nn.ReLU()]

        self.features = nn.Sequential(*block(1, 16), *block(16, 32, 2), *block(32, 48, 2),
                                      nn.Conv2d(48, 32, 4, bias=False), nn.BatchNorm2d(32, affine=False))

    def forward(self, x):
        x = x - x.mean((1, 2, 3), keepdim=True)
        x = x / (x.std((1, 2, 3), keepdim=True) + 1e-6)
        return F.normalize(self.features(x).flatten(1))


def loss_HardNet(anchor, positive, margin=1.0):
    dist = torch.sqrt((2 - 2 * anchor @ positive.t()).clamp(min=1e-6))
    pos = dist.diag()
    off = dist + 10 * torch.eye(len(dist)) + 10 * (dist < 0.008).float()
    hardest = torch.min(off.min(1)[0], off.min(0)[0])
    return (margin + pos - hardest).clamp(min=0).mean()


data, labels = total_dataset([scene(300, 6, 1), scene(300, 6, 2)])
v_data, v_labels = scene(150, 6, 3)
v_pairs = anchor_positive(v_labels, 512)
net = HardNet()
optimizer = torch.optim.SGD(net.parameters(), lr=0.5, momentum=0.9, weight_decay=1e-4)
EPOCHS, STEPS, BATCH = 10, 40, 64
sched = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: 1 - s / (EPOCHS * STEPS))
writer = DiagWriter(log_dir)
writer.watch(net, optimizer, loss_HardNet)

for epoch in range(EPOCHS):
    net.train()
    pairs = anchor_positive(labels, STEPS * BATCH)
    for k in range(STEPS):
        a, p = pairs[k * BATCH:(k + 1) * BATCH].T
        loss = loss_HardNet(net(data[a]), net(data[p]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sched.step()
    with writer.evaluating("val"):
        val = np.mean([writer.loss_fn(net(v_data[c[:, 0]]), net(v_data[c[:, 1]])).item() for c in np.split(v_pairs, 8)])
        d = net(v_data)
    print(f"epoch {epoch}: loss {loss.item():.4f} val {val:.4f}")
writer.close()
sims = d @ d.t() - 2 * torch.eye(len(d))
recall = (v_labels[sims.argmax(1)] == v_labels).float().mean().item()
same = v_labels[:, None] == v_labels[None]
upper = torch.triu(torch.ones_like(same), 1)
pos, neg = sims[same & upper], sims[~same & upper]
fpr95 = (neg > pos.quantile(0.05)).float().mean().item()
print(f"RESULT val_loss {val:.4f} fpr95 {fpr95:.4f} recall_at_1 {recall:.4f}")
