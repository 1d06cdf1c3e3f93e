"""MADE: masked autoencoder for distribution estimation, on binarised digits.
Port of karpathy/pytorch-made (run.py, made.py)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(42)
torch.manual_seed(42)


class MaskedLinear(nn.Linear):
    """a linear layer whose weight is multiplied by a fixed 0/1 mask"""

    def __init__(self, in_features, out_features, bias=True):
        super().__init__(in_features, out_features, bias)
        self.register_buffer('mask', torch.ones(out_features, in_features))

    def set_mask(self, mask):
        self.mask.data.copy_(torch.from_numpy(mask.astype(np.uint8).T))

    def forward(self, input):
        return F.linear(input, self.mask * self.weight, self.bias)


class MADE(nn.Module):
    def __init__(self, nin, hidden_sizes, nout, num_masks=1, natural_ordering=False):
        super().__init__()
        self.nin, self.nout, self.hidden_sizes = nin, nout, hidden_sizes
        net = []
        hs = [nin] + hidden_sizes + [nout]
        for h0, h1 in zip(hs, hs[1:]):
            net.extend([MaskedLinear(h0, h1), nn.ReLU()])
        net.pop()
        self.net = nn.Sequential(*net)
        self.natural_ordering = natural_ordering
        self.num_masks = num_masks
        self.seed = 0
        self.m = {}
        self.update_masks()

    def update_masks(self):
        if self.m and self.num_masks == 1:
            return
        L = len(self.hidden_sizes)
        rng = np.random.RandomState(self.seed)
        self.seed = (self.seed + 1) % self.num_masks
        self.m[-1] = np.arange(self.nin) if self.natural_ordering else rng.permutation(self.nin)
        for l in range(L):
            self.m[l] = rng.randint(self.m[l - 1].min(), self.nin - 1, size=self.hidden_sizes[l])
        masks = [self.m[l - 1][:, None] <= self.m[l][None, :] for l in range(L)]
        masks.append(self.m[L - 1][:, None] < self.m[-1][None, :])
        layers = [l for l in self.net.modules() if isinstance(l, MaskedLinear)]
        for l, m in zip(layers, masks):
            l.set_mask(m)

    def forward(self, x):
        return self.net(x)


def run_epoch(split, upto=None):
    torch.set_grad_enabled(split == 'train')
    model.train() if split == 'train' else model.eval()
    nsamples = 1 if split == 'train' else samples
    x = xtr if split == 'train' else xte
    N, D = x.size()
    B = 100
    nsteps = N // B if upto is None else min(N // B, upto)
    lossfs = []
    for step in range(nsteps):
        xb = x[step * B:step * B + B]
        xbhat = torch.zeros_like(xb)
        for s in range(nsamples):
            if step % resample_every == 0 or split == 'test':
                model.update_masks()
            xbhat = xbhat + model(xb)
        xbhat = xbhat / nsamples
        loss = F.binary_cross_entropy_with_logits(xbhat, xb, reduction='sum') / B
        lossfs.append(loss.item())
        if split == 'train':
            opt.zero_grad()
            loss.backward()
            opt.step()
            writer.add_loss("train", loss)
    print("%s epoch average loss: %f" % (split, np.mean(lossfs)))
    return np.mean(lossfs)


logdir = sys.argv[1]
hiddens, num_masks, resample_every, samples = [500], 4, 7, 4
X = load_digits().data
X = X[np.random.permutation(len(X))]
X = torch.from_numpy((X > 7).astype(np.float32))
xtr, xte = X[:1400], X[1400:]

model = MADE(xtr.size(1), hiddens, xtr.size(1), num_masks=num_masks)
print("number of model parameters:", sum(p.numel() for p in model.parameters()))
opt = torch.optim.Adam(model.parameters(), 5e-3, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.StepLR(opt, step_size=60, gamma=0.1)
writer = DiagWriter(logdir)
writer.watch(model, opt)

for epoch in range(120):
    print("epoch %d" % epoch)
    writer.add_loss("val", run_epoch('test', upto=3))
    run_epoch('train')
    scheduler.step()

print("optimization done. full test set eval:")
run_epoch('test')
writer.close()
