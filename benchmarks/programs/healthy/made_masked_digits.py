"""MADE on binarised digits - after karpathy/pytorch-made run.py. Input order is the natural one, one mask per step resampled from 1."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class MaskedLinear(nn.Linear):
    def __init__(self, i, o):
        super().__init__(i, o)
        self.register_buffer('mask', torch.ones(o, i))

    def set_mask(self, mask):
        self.mask.data.copy_(torch.from_numpy(mask.astype(np.uint8).T))

    def forward(self, input):
        return F.linear(input, self.mask * self.weight, self.bias)


class MADE(nn.Module):
    def __init__(self, nin, hidden_sizes, nout):
        super().__init__()
        hs = [nin] + hidden_sizes + [nout]
        net = []
        for h0, h1 in zip(hs, hs[1:]):
            net += [MaskedLinear(h0, h1), nn.ReLU()]
        net.pop()
        self.net = nn.Sequential(*net)
        rng = np.random.RandomState(0)
        m = {-1: np.arange(nin)}
        L = len(hidden_sizes)
        for l in range(L):
            m[l] = rng.randint(m[l - 1].min(), nin - 1, size=hidden_sizes[l])
        masks = [m[l - 1][:, None] <= m[l][None, :] for l in range(L)]
        masks.append(m[L - 1][:, None] < m[-1][None, :])
        for l, mk in zip([l for l in self.net if isinstance(l, MaskedLinear)], masks):
            l.set_mask(mk)

    def forward(self, x):
        return self.net(x)


def main(logdir):
    torch.manual_seed(42)
    x = torch.tensor((load_digits().data > 7).astype(np.float32))
    x = x[torch.randperm(len(x))]
    # every digit also shifted by one row or column: the only augmentation
    img = x.view(-1, 8, 8)
    xtr = torch.cat([img[:1400], img[:1400].roll(1, 2), img[:1400].roll(-1, 2)]).reshape(-1, 64)
    xte = torch.cat([img[1400:], img[1400:].roll(1, 2), img[1400:].roll(-1, 2)]).reshape(-1, 64)
    model = MADE(64, [256], 64)
    print("number of model parameters:", sum(np.prod(p.shape) for p in model.parameters()))
    opt = torch.optim.Adam(model.parameters(), 2e-3, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.StepLR(opt, step_size=30, gamma=0.1)
    crit = nn.BCEWithLogitsLoss(reduction='sum')
    writer = DiagWriter(logdir)
    writer.watch(model, opt, crit)

    def run_epoch(split):
        torch.set_grad_enabled(split == 'train')
        model.train() if split == 'train' else model.eval()
        data = xtr[torch.randperm(len(xtr))] if split == 'train' else xte
        B, lossfs = 50, 0.
        for i in range(0, len(data), B):
            xb = data[i:i + B]
            loss = crit(model(xb), xb) / len(xb)       # nats per image
            lossfs += loss.item() * len(xb)
            if split == 'train':
                opt.zero_grad()
                loss.backward()
                opt.step()
        torch.set_grad_enabled(True)
        return lossfs / len(data)

    for epoch in range(80):
        tr, te = run_epoch('train'), run_epoch('test')
        scheduler.step()
        print("epoch %d, train average loss: %f, test average loss: %f" % (epoch, tr, te))
    writer.close()


if __name__ == '__main__':
    main(sys.argv[1])
