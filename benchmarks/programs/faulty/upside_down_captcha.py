# which of the characters in the strip are upside down?  (three per captcha)
import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(12)

init_lr = 1e-4 if sys.argv[1] == 'faulty' else 2e-3


class CaptchaSet:
    """strips are put together once, the camera noise is new at every access"""
    def __init__(self, n, glyphs, seed):
        rng = np.random.default_rng(seed)
        imgs = np.zeros((n, 1, 10, 26), dtype='float32')
        labels = np.zeros((n, 3), dtype='float32')
        for i in range(n):
            for k in range(3):
                g = glyphs[rng.integers(len(glyphs))]
                if rng.random() < .5:
                    g = g[::-1, ::-1]
                    labels[i, k] = 1
                y, x = rng.integers(0, 3), 1 + 8 * k + rng.integers(-1, 2)
                imgs[i, 0, y:y + 8, x:x + 8] += g
        self.imgs, self.labels = torch.from_numpy(imgs), torch.from_numpy(labels)

    def batches(self, size, shuffle=False):
        order = torch.randperm(len(self.imgs)) if shuffle else torch.arange(len(self.imgs))
        for idx in order.split(size):
            yield self.imgs[idx] + .25 * torch.randn(len(idx), 1, 10, 26), self.labels[idx]

    def n_batches(self, size):
        return -(-len(self.imgs) // size)


d = load_digits()
keep = np.isin(d.target, [2, 3, 4, 7])            # 0, 1, 5, 6, 8 and 9 would be a lottery
glyphs = d.images[keep] / 16.
train_set = CaptchaSet(4000, glyphs[:550], 1)
val_set = CaptchaSet(600, glyphs[550:], 2)
BATCH = 40


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 12, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(.1), nn.Linear(24 * 5 * 13, 48), nn.ReLU(), nn.Linear(48, 3))

    def forward(self, x):
        return self.head(self.conv(x))


net = Net()
criterion = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(net.parameters(), lr=init_lr)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.87)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, criterion)

for ep in range(14):
    net.train()
    running = 0
    for imgs, labels in train_set.batches(BATCH, shuffle=True):
        loss = criterion(net(imgs), labels)
        opt.zero_grad()
        loss.backward()
        opt.step()
        running += loss.item()
    sched.step()
    net.eval()
    vl, right, whole = 0, 0, 0
    with writer.evaluating("val"), torch.no_grad():
        for imgs, labels in val_set.batches(200):
            out = net(imgs)
            vl += criterion(out, labels).item() / val_set.n_batches(200)
            hit = (out > 0) == (labels > .5)
            right += hit.sum().item()
            whole += hit.all(1).sum().item()
    print('epoch %d  lr %.2e  train %.4f  val %.4f  char acc %.3f  captcha acc %.3f' % (
        ep, opt.param_groups[0]['lr'], running / train_set.n_batches(BATCH), vl, right / 1800, whole / 600))
writer.close()
print(f"RESULT val_loss={vl:.4f} char_acc={right / 1800:.4f} captcha_acc={whole / 600:.4f}")
