import sys
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.manual_seed(6)
torch.set_num_threads(1)
d = load_digits()
x = torch.tensor(d.images[:, None], dtype=torch.float32)
x, y = (x - x.mean()) / x.std(), torch.tensor(d.target)
src = torch.where(y < 5)[0]
tgt = torch.where(y >= 5)[0]
tgt = tgt[torch.randperm(len(tgt))]

backbone = nn.Sequential(nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(), nn.Flatten())
criterion = nn.CrossEntropyLoss()

# stage 1: digits 0-4
old_head = nn.Linear(768, 5)
pre = torch.optim.Adam([*backbone.parameters(), *old_head.parameters()], 1e-3)
for _ in range(150):
    b = src[torch.randint(len(src), (64,))]
    l = criterion(old_head(backbone(x[b] + .3 * torch.randn_like(x[b]))), y[b])
    pre.zero_grad(); l.backward(); pre.step()

# stage 2: transfer to digits 5-9, only a new head is trained
for param in backbone.parameters():
    param.requires_grad = False
model_conv = nn.Sequential(backbone, nn.Dropout(.5), nn.Linear(768, 5))
optimizer_conv = torch.optim.SGD(model_conv[2].parameters(), lr=0.003, momentum=0.9)
exp_lr_scheduler = torch.optim.lr_scheduler.StepLR(optimizer_conv, step_size=15, gamma=0.1)
writer = DiagWriter(sys.argv[1])
writer.watch(model_conv, optimizer_conv, criterion)
n = 600
for epoch in range(22):
    for phase in ('train', 'val'):
        idx = tgt[:n][torch.randperm(n)] if phase == 'train' else tgt[n:]
        model_conv.train(phase == 'train')
        backbone.eval()
        tot, hit = 0., 0
        for b in idx.split(32):
            optimizer_conv.zero_grad()
            if phase == 'train':
                out = model_conv(x[b] + .3 * torch.randn_like(x[b]))
                loss = criterion(out, y[b] - 5)
                loss.backward()
                optimizer_conv.step()
            else:
                with torch.no_grad(), writer.evaluating('val'):
                    out = model_conv(x[b])
                    loss = criterion(out, y[b] - 5)
            tot += loss.item() * len(b)
            hit += (out.argmax(1) == y[b] - 5).sum().item()
        if epoch % 5 == 1:
            print('%d %s Loss: %.4f Acc: %.4f' % (epoch, phase, tot / len(idx), hit / len(idx)))
    exp_lr_scheduler.step()
writer.close()
