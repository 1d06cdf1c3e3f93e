import sys
import math
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

# CIFAR-like colour pictures (24x24, 8 kinds of stripe/checker/disc things on clutter); net of the study's notebook
torch.set_num_threads(1)
torch.manual_seed(1)


def make_images(n, g):
    y = torch.randint(0, 8, (n,), generator=g)
    r = torch.linspace(-1, 1, 24)
    yy, xx = torch.meshgrid(r, r, indexing='ij')
    x = torch.rand(n, 3, 1, 1, generator=g) * .5 + torch.randn(n, 3, 24, 24, generator=g) * .14 + .25
    cx, cy = (torch.rand(2, n, 1, 1, generator=g) - .5) * .7
    ph = torch.rand(n, 1, 1, generator=g) * 2 * math.pi
    sgn = torch.where(torch.rand(n, 1, 1, 1, generator=g) < .5, -1., 1.)
    col = torch.rand(n, 3, 1, 1, generator=g) * .25 + .15
    u, v = xx - cx, yy - cy
    rad = (u ** 2 + v ** 2).sqrt()
    window = (rad < .62).float()
    pats = [torch.sin(9 * u + ph), torch.sin(9 * v + ph), torch.sin(6.4 * (u + v) + ph), torch.sin(6.4 * (u - v) + ph),
            torch.sign(torch.sin(9 * u + ph) * torch.sin(9 * v + ph)), torch.sin(13 * rad + ph), torch.sin(18 * u + ph), torch.sin(18 * v + ph)]
    p = torch.stack(pats, 1)[torch.arange(n), y] * window
    return (x + sgn * col * p.unsqueeze(1)).clamp(0, 1), y


g = torch.Generator().manual_seed(3)
train_images, train_labels = make_images(3000, g)
test_images, test_labels = make_images(1000, g)
mean, std = train_images.mean((0, 2, 3), keepdim=True), train_images.std((0, 2, 3), keepdim=True)
train_images, test_images = (train_images - mean) / std, (test_images - mean) / std

act = nn.Identity if sys.argv[1] == 'faulty' else nn.ReLU       # activation='linear' in the notebook
model = nn.Sequential(
    nn.Conv2d(3, 16, 3), act(),
    nn.Conv2d(16, 16, 3), act(),
    nn.AvgPool2d(2), nn.Dropout(0.1),
    nn.Conv2d(16, 32, 3), act(),
    nn.Conv2d(32, 32, 3), act(),
    nn.AvgPool2d(2), nn.Dropout(0.1),
    nn.Flatten(),
    nn.Linear(32 * 3 * 3, 64), act(),
    nn.Dropout(0.1),
    nn.Linear(64, 8))
if sys.argv[1] == 'faulty':
    model = nn.Sequential(*[m for m in model if not isinstance(m, nn.Identity)])
loss = nn.CrossEntropyLoss()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
tb = DiagWriter(sys.argv[2])
tb.watch(model, opt, loss)

for epoch in range(14):
    model.train()
    s = 0
    for i in torch.randperm(3000).split(64):
        l = loss(model(train_images[i]), train_labels[i])
        opt.zero_grad()
        l.backward()
        opt.step()
        s += l.item() * len(i)
    model.eval()
    with tb.evaluating('val'):
        logits = model(test_images)
        vl = loss(logits, test_labels).item()
        va = (logits.argmax(1) == test_labels).float().mean().item()
    print(f'epoch {epoch + 1} loss {s / 3000:.4f} val_loss {vl:.4f} val_acc {va:.4f}')
tb.close()
print(f'RESULT loss={s / 3000:.4f} val_loss={vl:.4f} val_acc={va:.4f}')
