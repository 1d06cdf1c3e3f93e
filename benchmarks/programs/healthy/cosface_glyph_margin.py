"""CosFace (large margin cosine loss, s=16, m=0.25) on digits: the training loss carries the margin, evaluation uses plain cosines."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier
from tb_lossdiag import DiagWriter


class CosFace(nn.Module):
    def __init__(self, dim, classes, s=16.0, m=0.25):
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(classes, dim)))
        self.s, self.m = s, m

    def forward(self, emb, label):
        cos = F.linear(F.normalize(emb), F.normalize(self.weight))
        logits = self.s * (cos - self.m * F.one_hot(label, cos.size(1)))
        return F.cross_entropy(logits, label), cos


class GlyphNet(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.PReLU(16), nn.Conv2d(16, 32, 3, stride=2, padding=1),
                                  nn.BatchNorm2d(32), nn.PReLU(32), nn.Flatten(), nn.Dropout(.4), nn.Linear(512, dim), nn.BatchNorm1d(dim))
        self.margin = CosFace(dim, 10)

    def forward(self, x, y):
        return self.margin(self.body(x), y)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(17)
    lr = float(sys.argv[1]) if len(sys.argv) > 2 else 0.05
    d = load_digits()
    X, y = torch.tensor(d.images[:, None] / 16, dtype=torch.float32), torch.tensor(d.target)
    perm = torch.randperm(len(y))
    tr, va = perm[:1300], perm[1300:]
    net = GlyphNet()
    opt = torch.optim.SGD(net.parameters(), lr=lr, momentum=.9, weight_decay=5e-4)
    epochs = 15
    sched = torch.optim.lr_scheduler.MultiStepLR(opt, [8, 12], 0.1)
    w = DiagWriter(sys.argv[-1])
    w.watch(net, opt)
    step = 0
    for epoch in range(epochs):
        net.train()
        for b in tr[torch.randperm(len(tr))].split(64):
            if len(b) < 8:
                continue
            loss, _ = net(X[b], y[b])
            opt.zero_grad()
            loss.backward()
            opt.step()
            w.add_scalar("Loss/train", loss.item(), step)
            step += 1
        sched.step()
        net.eval()
        with w.evaluating("val"):
            vl, cos = net(X[va], y[va])
        w.add_scalar("Loss/val", vl.item(), step)
        w.add_scalar("Acc/val", (cos.argmax(1) == y[va]).float().mean().item(), step)
        print(epoch + 1, f"{loss.item():.4f} val {vl.item():.4f} acc {(cos.argmax(1) == y[va]).float().mean():.4f}")
    w.close()
    knn = KNeighborsClassifier(3).fit(X[tr].flatten(1), y[tr]).score(X[va].flatten(1), y[va])
    print(f"RESULT val_loss {vl.item():.4f} val_acc {(cos.argmax(1) == y[va]).float().mean():.4f} knn_pixels {knn:.4f}")


main()
