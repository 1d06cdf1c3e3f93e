# small WaveNet: next-sample classification on mu-law audio (32 levels), gated dilated causal convs, weight norm, Adam 1e-3
import sys, math, torch, torch.nn as nn, torch.nn.functional as F
from torch.nn.utils.parametrizations import weight_norm
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(1)
Q, RATE = 32, 2000

def synth(sec, g):
    t = torch.arange(int(sec * RATE)) / RATE
    out = torch.zeros_like(t)
    for s in range(int(sec * 4)):                        # four notes a second, plucked
        f = 110 * 2 ** (torch.tensor([0, 3, 5, 7, 10, 12])[torch.randint(6, (1,), generator=g)] / 12)
        u = (t - s / 4).clamp(min=0)
        out += torch.exp(-8 * u) * (t >= s / 4) * (torch.sin(2 * math.pi * f * u) + .4 * torch.sin(4 * math.pi * f * u))
    out = .6 * out + .02 * torch.randn(len(t), generator=g)
    return out.clamp(-1, 1)

def mulaw(x, q=Q):
    mu = q - 1
    return ((torch.sign(x) * torch.log1p(mu * x.abs()) / math.log1p(mu) + 1) / 2 * mu + .5).long()

g = torch.Generator().manual_seed(5)
train, valid = mulaw(synth(60, g)), mulaw(synth(10, g))

class Block(nn.Module):
    def __init__(self, r, s, d):
        super().__init__()
        self.d = d
        self.conv, self.res, self.skip = weight_norm(nn.Conv1d(r, 2 * r, 2, dilation=d)), weight_norm(nn.Conv1d(r, r, 1)), weight_norm(nn.Conv1d(r, s, 1))
    def forward(self, x):
        a, b = self.conv(F.pad(x, (self.d, 0))).chunk(2, 1)
        z = torch.tanh(a) * torch.sigmoid(b)
        return x + self.res(z), self.skip(z)

class WaveNet(nn.Module):
    def __init__(self, r=24, s=32, dil=(1, 2, 4, 8, 16)):
        super().__init__()
        self.emb = nn.Embedding(Q, r)
        self.blocks = nn.ModuleList([Block(r, s, d) for d in dil])
        self.post1, self.post2 = weight_norm(nn.Conv1d(s, s, 1)), weight_norm(nn.Conv1d(s, Q, 1))
    def forward(self, x):
        h, skips = self.emb(x).transpose(1, 2), 0
        for b in self.blocks:
            h, s = b(h); skips = skips + s
        return self.post2(F.relu(self.post1(F.relu(skips))))

net, L, RF = WaveNet(), 512, 32
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
sch = torch.optim.lr_scheduler.ExponentialLR(opt, .9975)
w = DiagWriter(sys.argv[1]); w.watch(net, opt, F.cross_entropy)
def loss_of(seq): return F.cross_entropy(net(seq[:, :-1])[:, :, RF:], seq[:, 1 + RF:])
for it in range(1, 701):
    i = torch.randint(len(train) - L, (8,))
    loss = loss_of(torch.stack([train[k:k + L] for k in i]))
    opt.zero_grad(); loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step(); sch.step()
    if it % 100 == 0:
        net.eval()
        with w.evaluating("val"):
            v = loss_of(valid[:len(valid) // L * L].view(-1, L)).item()
        net.train()
        print(it, f'{loss.item():.3f} {v:.3f}')
w.close()
marg = -(p := torch.bincount(train, minlength=Q) / len(train)).mul(p.clamp(min=1e-9).log()).sum().item()
print(f'RESULT train {loss.item():.3f} val {v:.3f} nats per sample (marginal entropy {marg:.3f})')
