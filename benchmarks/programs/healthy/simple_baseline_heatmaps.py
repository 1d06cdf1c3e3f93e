# Human pose by heat maps (microsoft/human-pose-estimation.pytorch, "Simple Baselines"): joints MSE on 64x48 -> 16x16 maps of stick figures
import sys, logging
import numpy as np
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); logging.basicConfig(level=logging.INFO, stream=sys.stdout, format='%(message)s'); logger = logging.getLogger()
rng = np.random.default_rng(0); torch.manual_seed(0)
J, S, HM = 6, 32, 16                                        # head, neck, 2 hands, 2 feet

def figure():
    img = rng.normal(0, .12, (S, S)) + .25 * np.sin(np.arange(S)[None] * rng.uniform(.1, .5) + rng.uniform(0, 6)) * rng.random()
    c = rng.uniform(12, 20, 2); sc = rng.uniform(.75, 1.2); a = rng.normal(0, .2)
    R = sc * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    l, r = rng.uniform(-1.2, 1.2, 2); fl, fr = rng.uniform(.1, .7, 2)
    P = np.array([[0, -9], [0, -6], [-6 * np.cos(l), -5 + 6 * np.sin(l)], [6 * np.cos(r), -5 + 6 * np.sin(r)], [-9 * np.sin(fl), 1 + 8 * np.cos(fl)], [9 * np.sin(fr), 1 + 8 * np.cos(fr)]])
    P = P @ R.T + c; hip = np.array([0, 1]) @ R.T + c; neck = P[1]
    for p, q in [(P[0], neck), (neck, hip), (neck, P[2]), (neck, P[3]), (hip, P[4]), (hip, P[5])]:
        for t in np.linspace(0, 1, 24):
            x, y = (p + t * (q - p)).round().astype(int)
            if 0 <= x < S and 0 <= y < S: img[y, x] = .9 + .1 * rng.normal()
    hx, hy = P[0].round().astype(int)
    img[max(hy - 1, 0):hy + 2, max(hx - 1, 0):hx + 2] = 1.
    if rng.random() < .3:                                      # something stands in front
        y, x = rng.integers(0, S - 7, 2); img[y:y + 7, x:x + 7] = rng.normal(.3, .1)
    yy, xx = np.mgrid[:HM, :HM]; s = S / HM
    T = np.stack([np.exp(-((xx - (x / s - .25)) ** 2 + (yy - (y / s - .25)) ** 2) / (2 * 1.0 ** 2)) for x, y in P])
    w = ((P >= 0) & (P < S)).all(1).astype(np.float32)
    return img.astype(np.float32), T.astype(np.float32), w, P.astype(np.float32)

def make(n):
    a = [figure() for _ in range(n)]
    im, T, w, P = (torch.tensor(np.stack(z)) for z in zip(*a))
    return (im[:, None] - .14) / .32, T, w[..., None], P

class PoseNet(nn.Module):
    def __init__(self):
        super().__init__()
        c = lambda i, o, s: nn.Sequential(nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))
        self.backbone = nn.Sequential(c(1, 16, 1), c(16, 24, 2), c(24, 32, 2), c(32, 48, 2), c(48, 48, 1))
        d = lambda i, o: nn.Sequential(nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))
        self.deconv_layers = nn.Sequential(d(48, 32), d(32, 32))
        self.final_layer = nn.Conv2d(32, J, 1)
        for m in [*self.deconv_layers.modules(), self.final_layer]:
            if isinstance(m, (nn.ConvTranspose2d, nn.Conv2d)): nn.init.normal_(m.weight, std=0.001 if m is not self.final_layer else 0.001)
    def forward(self, x): return self.final_layer(self.deconv_layers(self.backbone(x)))

class JointsMSELoss(nn.Module):
    def __init__(self, use_target_weight=True):
        super().__init__(); self.criterion = nn.MSELoss(); self.use_target_weight = use_target_weight
    def forward(self, output, target, target_weight):
        b, j = output.shape[:2]; loss = 0
        for p, g, w in zip(output.reshape(b, j, -1).split(1, 1), target.reshape(b, j, -1).split(1, 1), target_weight.split(1, 1)):
            loss += 0.5 * self.criterion(p.squeeze(1).mul(w.squeeze(1)), g.squeeze(1).mul(w.squeeze(1)))
        return loss / j

def pck(out, P, w):
    i = out.flatten(2).argmax(2); xy = torch.stack([i % HM, i // HM], 2).float() * (S / HM) + .5
    return (((xy - P).norm(dim=2) < 2.5).float() * w[..., 0]).sum().item() / w.sum().item()

train, val = make(2500), make(300)
model = PoseNet(); criterion = JointsMSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
lr_scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [8, 10], 0.1)
writer = DiagWriter(sys.argv[1]); writer.watch(model, optimizer, criterion)
for epoch in range(11):
    model.train(); s = 0
    for b in torch.randperm(2500).split(32):
        output = model(train[0][b])
        loss = criterion(output, train[1][b], train[2][b])
        optimizer.zero_grad(); loss.backward(); optimizer.step(); s += loss.item() / 79
    lr_scheduler.step()
    model.eval()
    with writer.evaluating("val"):
        o = model(val[0]); v = criterion(o, val[1], val[2]).item()
    logger.info('Epoch %d loss %.6f val %.6f PCK %.3f', epoch, s, v, pck(o, val[3], val[2]))
writer.close()
print(f'RESULT train {s:.6f} val {v:.6f} pck {pck(o, val[3], val[2]):.4f}')
