"""Grade of tea leaves from small pictures (simulated: five grades differ in leaf length, veins and curl). Data come folder by folder, like ImageFolder."""
import sys
import torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

class LeafFolder(Dataset):
    GRADES = ["OP", "BOP", "Fannings", "Dust", "Stem"]
    def __init__(self, per_grade, seed):
        g = torch.Generator().manual_seed(seed)
        self.items = []
        yy, xx = torch.meshgrid(torch.linspace(-1, 1, 20), torch.linspace(-1, 1, 20), indexing="ij")
        for k, _ in enumerate(self.GRADES):
            for _ in range(per_grade):
                th = torch.rand(1, generator=g) * 3.14
                u, v = xx * th.cos() + yy * th.sin(), -xx * th.sin() + yy * th.cos()
                ln = 0.9 - 0.13 * k + 0.06 * torch.randn(1, generator=g)
                wd = 0.28 + 0.05 * ((k * 2) % 5) + 0.04 * torch.randn(1, generator=g)
                leaf = torch.sigmoid(12 * (1 - (u / ln) ** 2 - (v / wd) ** 2))
                leaf = leaf * (0.7 + 0.3 * torch.cos(u * (6 + 3 * k)))
                im = leaf + 0.25 * torch.randn(20, 20, generator=g)
                self.items.append(((im[None] - 0.3) / 0.45, k))
    def __len__(self): return len(self.items)
    def __getitem__(self, i): return self.items[i]

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 12, 3, padding=1); self.c2 = nn.Conv2d(12, 24, 3, padding=1)
        self.f1 = nn.Linear(24 * 25, 64); self.f2 = nn.Linear(64, 5)
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2); x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.f2(F.relu(self.f1(x.flatten(1))))

def main(form, logdir):
    torch.manual_seed(0); torch.set_num_threads(1)
    train, val = LeafFolder(360, 1), LeafFolder(80, 2)
    kw = dict(shuffle=True) if form == "fixed" else {}
    train_loader = DataLoader(train, batch_size=24, **kw)
    val_loader = DataLoader(val, batch_size=100)
    net = Net(); loss_fn = nn.CrossEntropyLoss()
    opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
    writer = DiagWriter(logdir); writer.watch(net, opt, loss_fn)
    for ep in range(14):
        net.train()
        for x, y in train_loader:
            loss = loss_fn(net(x), y)
            opt.zero_grad(); loss.backward(); opt.step()
        net.eval(); ok = 0
        with writer.evaluating("val"):
            for x, y in val_loader:
                o = net(x); loss_fn(o, y); ok += (o.argmax(1) == y).sum().item()
        print("epoch", ep, "acc", ok / len(val))
    writer.close()
    print("RESULT val_accuracy %.4f" % (ok / len(val)))
main(*sys.argv[1:3])
