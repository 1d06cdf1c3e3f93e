import sys
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(33)

def faces(n):
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 24), torch.linspace(-1, 1, 24), indexing="ij")
    age = (torch.distributions.Gamma(3.2, 0.1).sample((n,))).clamp(2, 90)
    sex = (torch.rand(n) < .48).long()
    rnd = lambda s: s * torch.randn(n, 1, 1)
    a, s = (age / 90).view(-1, 1, 1), sex.float().view(-1, 1, 1)
    cx, cy = rnd(.08), rnd(.08)
    w, h = .55 + .06 * s + rnd(.05), .75 + .08 * a + rnd(.04)
    face = torch.sigmoid(12 * (1 - ((xx - cx) / w) ** 2 - ((yy - cy) / h) ** 2))
    wr = torch.sin((yy - cy) * 17 + rnd(.6)) * a * .45 * (1 + rnd(.2))
    hair = torch.sigmoid(16 * (-.45 - (yy - cy) + .25 * (1 - s) * xx ** 2 + rnd(.07)))
    beard = torch.sigmoid(14 * ((yy - cy) - .38 + rnd(.06))) * s * (torch.rand(n, 1, 1) * .9) * (a > .17)
    long = (1 - s) * torch.sigmoid(20 * ((xx - cx).abs() - .42)) * torch.rand(n, 1, 1)
    im = face * (.7 + rnd(.1)) + face * wr * .5 - hair * (.6 - .5 * a) - .35 * beard * face - .3 * long + rnd(.08) + .13 * torch.randn(n, 24, 24)
    return TensorDataset((im[:, None] - .2) / .45, age, sex)

class UTKNet(nn.Module):
    def __init__(self):
        super().__init__()
        blk = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))
        self.body = nn.Sequential(blk(1, 16), blk(16, 32), blk(32, 48), nn.Flatten(), nn.Linear(48 * 9, 64), nn.ReLU(), nn.Dropout(.2))
        self.age_head = nn.Linear(64, 1)
        self.sex_head = nn.Linear(64, 2)
    def forward(self, x):
        h = self.body(x)
        return self.age_head(h).squeeze(1), self.sex_head(h)

class JointLoss(nn.Module):
    """smooth L1 on standardised years + cross-entropy"""
    def forward(self, out, age, sex):
        return F.smooth_l1_loss(out[0], (age - 32) / 18) + F.cross_entropy(out[1], sex)

train, val = DataLoader(faces(3000), 64, shuffle=True), DataLoader(faces(800), 200)
net, crit = UTKNet(), JointLoss()
opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
E = 10
sch = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=3e-3, epochs=E, steps_per_epoch=len(train))
tb = DiagWriter(sys.argv[1])
tb.watch(net, opt, crit)
for e in range(E):
    net.train(); tot = 0
    for im, age, sex in train:
        loss = crit(net(im), age, sex)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        opt.step(); sch.step()
        tot += loss.item() / len(train)
    with tb.evaluating("val"):
        v = mae = acc = 0
        for im, age, sex in val:
            o = net(im); v += crit(o, age, sex).item() / len(val)
            mae += (o[0] * 18 + 32 - age).abs().mean().item() / len(val)
            acc += (o[1].argmax(1) == sex).float().mean().item() / len(val)
    tb.add_scalar("age_mae/val", mae, e)
    print(f"epoch {e} train {tot:.4f} val {v:.4f} age MAE {mae:.2f} sex acc {acc:.3f}")
tb.close()
