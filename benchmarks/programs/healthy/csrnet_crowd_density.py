# CSRNet-pytorch train.py (leeyeehoo), cut down: single channel scenes drawn here, no VGG weights, so a larger rate than 1e-7
import sys, time
import numpy as np
import torch
import torch.nn as nn
from scipy.ndimage import gaussian_filter
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class args:
    original_lr = 1e-5
    lr = 1e-5
    batch_size = 1
    momentum = 0.95
    decay = 5 * 1e-4
    epochs = 7
    steps = [-1, 5]
    scales = [1, 0.1]
    seed = 3
    print_freq = 100


def make_layers(cfg, in_channels, dilation=False):
    d = 2 if dilation else 1
    layers = []
    for v in cfg:
        if v == 'M':
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(in_channels, v, 3, padding=d, dilation=d), nn.ReLU(inplace=True)]
            in_channels = v
    return nn.Sequential(*layers)


class CSRNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.frontend = make_layers([12, 12, 'M', 24, 24, 'M', 32], 1)
        self.backend = make_layers([32, 24, 16], 32, dilation=True)
        self.output_layer = nn.Conv2d(16, 1, 1)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, nonlinearity='relu'); nn.init.zeros_(m.bias)
        nn.init.normal_(self.output_layer.weight, std=0.01)

    def forward(self, x):
        return self.output_layer(self.backend(self.frontend(x)))


def scene(r, h=48, w=64):
    n = int(np.exp(r.normal(2.6, .7))); img = np.cumsum(r.normal(0, .05, (h, w)), 1) + r.normal(0, .12, (h, w)); img -= img.mean()
    den = np.zeros((h, w))
    ys, xs = r.random(n) ** .8 * (h - 1), r.random(n) * (w - 1)
    yy, xx = np.mgrid[:h, :w]
    for y, x in zip(ys, xs):
        s = 1.0 + 1.6 * y / h                                     # perspective
        head = np.exp(-((yy - y) ** 2 + (xx - x) ** 2) / (2 * s * s))
        img += head * r.uniform(.7, 1.5)
        den[int(y), int(x)] += 1
    den = gaussian_filter(den, 3, mode='reflect')
    den = den.reshape(h // 4, 4, w // 4, 4).sum((1, 3))            # cv2.resize(..., 1/4) * 16
    return (torch.tensor((img - .25) / .55, dtype=torch.float32)[None], torch.tensor(den, dtype=torch.float32)), n


class AverageMeter(object):
    def __init__(self):
        self.val = self.avg = self.sum = self.count = 0

    def update(self, val, n=1):
        self.val = val; self.sum += val * n; self.count += n; self.avg = self.sum / self.count


def adjust_learning_rate(optimizer, epoch):
    args.lr = args.original_lr
    for i in range(len(args.steps)):
        if epoch >= args.steps[i]:
            args.lr = args.lr * args.scales[i]
        else:
            break
    for g in optimizer.param_groups:
        g['lr'] = g['initial'] * args.lr / args.original_lr


def train(train_list, model, criterion, optimizer, epoch):
    losses = AverageMeter()
    model.train()
    for i, (img, target) in enumerate(torch.utils.data.DataLoader(train_list, batch_size=args.batch_size, shuffle=True)):
        output = model(img)
        target = target.unsqueeze(0)
        loss = criterion(output, target)
        losses.update(loss.item(), img.size(0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if i % args.print_freq == 0:
            print('Epoch: [{0}][{1}]\tLoss {l.val:.4f} ({l.avg:.4f})'.format(epoch, i, l=losses))
    return losses.avg


def validate(val_list, model, criterion):
    model.eval()
    mae, sse = 0, 0
    with writer.evaluating('val'):
        for img, target in torch.utils.data.DataLoader(val_list, batch_size=1):
            output = model(img)
            sse += criterion(output, target.unsqueeze(0)).item()
            mae += abs(output.sum() - target.sum()).item()
    return mae / len(val_list), sse / len(val_list)


r = np.random.default_rng(args.seed)
torch.manual_seed(args.seed)
train_list = [scene(r)[0] for _ in range(240)]
val_list = [scene(r)[0] for _ in range(80)]
model = CSRNet()
criterion = nn.MSELoss(reduction='sum')
optimizer = torch.optim.SGD(model.parameters(), args.lr, momentum=args.momentum, weight_decay=args.decay)
for g in optimizer.param_groups:
    g['initial'] = g['lr']
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
best_prec1 = 1e6
for epoch in range(args.epochs):
    adjust_learning_rate(optimizer, epoch)
    tl = train(train_list, model, criterion, optimizer, epoch)
    prec1, vl = validate(val_list, model, criterion)
    best_prec1 = min(prec1, best_prec1)
    print(' * MAE {:.3f} best MAE {:.3f} val sse {:.3f}'.format(prec1, best_prec1, vl))
writer.close()
dumb = np.mean([abs(t.sum().item() - np.mean([u.sum().item() for _, u in train_list])) for _, t in val_list])
print(f'RESULT train {tl:.4f} val {vl:.4f} MAE {prec1:.3f} (mean count gives {dumb:.3f})')
