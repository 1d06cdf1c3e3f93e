import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)

COLORS = torch.tensor([[1.0, .1, .1], [.1, 1.0, .1], [.1, .1, 1.0], [1.0, 1.0, .1]])


def make(n, size=16):
    """scenes with three squares of different colours, and an expression 'the <colour> one'; the mask of that square"""
    g = torch.Generator().manual_seed(n)
    img = 0.25 * torch.rand(n, 3, size, size, generator=g)
    mask = torch.zeros(n, 1, size, size)
    words = torch.zeros(n, 3, dtype=torch.long)
    for i in range(n):
        cols = torch.randperm(4, generator=g)[:3]
        for k, c in enumerate(cols):
            y, x = torch.randint(0, size - 5, (2,), generator=g).tolist()
            img[i, :, y:y + 5, x:x + 5] = COLORS[c].view(3, 1, 1) + 0.1 * torch.randn(3, 5, 5, generator=g)
            mask[i, 0, y:y + 5, x:x + 5] = 1.0 if k == 2 else 0.0
        words[i] = torch.tensor([0, 2 + cols[2].item(), 1])
    return img, words, mask


class PWAM(nn.Module):
    def __init__(self, dim, l_dim):
        super().__init__()
        self.vis = nn.Conv2d(dim, dim, 1)
        self.lang = nn.Linear(l_dim, dim)
        self.mix = nn.Conv2d(dim, dim, 1)

    def forward(self, x, l):
        v = F.relu(self.vis(x))
        t = torch.tanh(self.lang(l))[:, :, None, None]
        return F.relu(self.mix(v * t))


class Stage(nn.Module):
    def __init__(self, cin, dim, l_dim, form):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(cin, dim, 3, padding=1), nn.BatchNorm2d(dim), nn.ReLU(),
                                  nn.Conv2d(dim, dim, 3, padding=1), nn.BatchNorm2d(dim), nn.ReLU())
        self.fusion = PWAM(dim, l_dim)
        self.res_gate = nn.Sequential(nn.Linear(dim, dim, bias=False), nn.ReLU(),
                                      nn.Linear(dim, dim, bias=False), nn.Tanh())
        if form == "faulty":
            nn.init.zeros_(self.res_gate[0].weight)
        nn.init.zeros_(self.res_gate[2].weight)

    def forward(self, x, l):
        x = self.conv(x)
        r = self.fusion(x, l)
        gate = self.res_gate(r.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return x + gate * r


class LAVT(nn.Module):
    def __init__(self, form, dim=20, l_dim=12):
        super().__init__()
        self.emb = nn.Embedding(6, l_dim)
        self.gru = nn.GRU(l_dim, l_dim, batch_first=True)
        self.s1 = Stage(3, dim, l_dim, form)
        self.s2 = Stage(dim, dim, l_dim, form)
        self.head = nn.Conv2d(dim, 1, 1)

    def forward(self, img, words):
        _, h = self.gru(self.emb(words))
        l = h[0]
        return self.head(self.s2(self.s1(img, l), l))


def iou(logit, mask):
    p = logit > 0
    m = mask > 0.5
    inter = (p & m).flatten(1).sum(1).float()
    union = (p | m).flatten(1).sum(1).float()
    return (inter / union.clamp(min=1)).mean().item()


def main(form, logdir):
    tr, va, te = make(1200), make(200), make(400)
    net = LAVT(form)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    epochs, bs = 14, 32
    sched = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: (1 - s / (epochs * 38)) ** 0.9 if s < epochs * 38 else 0)
    criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))
    writer = DiagWriter(logdir)
    writer.watch(net, optimizer, criterion)
    for ep in range(epochs):
        net.train()
        perm = torch.randperm(1200)
        for i in range(0, 1200, bs):
            j = perm[i:i + bs]
            loss = criterion(net(tr[0][j], tr[1][j]), tr[2][j])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sched.step()
        with writer.evaluating("val"):
            out = net(va[0], va[1])
            vl = criterion(out, va[2])
        print(ep, loss.item(), vl.item(), iou(out, va[2]))
    net.eval()
    with torch.no_grad():
        out = net(te[0], te[1])
    writer.close()
    print("RESULT test_mIoU %.4f test_loss %.4f" % (iou(out, te[2]), criterion(out, te[2]).item()))


main(sys.argv[1], sys.argv[2])
