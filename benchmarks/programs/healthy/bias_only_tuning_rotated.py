"""BitFit-style transfer: a small net is trained on upright digits, then only the biases, the
norm gains and a fresh head are tuned for digits turned by a quarter.  Only the second stage is logged."""
import sys
from dataclasses import dataclass
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter


@dataclass
class Cfg:
    seed: int = 21
    width: int = 256
    pre_epochs: int = 25
    epochs: int = 40
    lr: float = 1e-2
    batch: int = 64


class Net(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, w), nn.LayerNorm(w), nn.ReLU(), nn.Linear(w, w), nn.LayerNorm(w), nn.ReLU())
        self.head = nn.Linear(w, 10)

    def forward(self, x):
        return self.head(self.body(x))


def data():
    d = load_digits()
    img = torch.tensor(d.images / 16.0, dtype=torch.float32)
    y = torch.tensor(d.target)
    p = torch.randperm(len(y))
    img, y = img[p], y[p]
    turned = torch.rot90(img, 1, (1, 2)).reshape(-1, 64)
    flat = img.reshape(-1, 64)
    # first part: source task; second: target train; third: target test
    return (flat[:700], y[:700]), (turned[700:1300], y[700:1300]), (turned[1300:], y[1300:])


def fit(net, opt, loader, epochs):
    ce = nn.CrossEntropyLoss()
    for _ in range(epochs):
        for x, y in loader:
            opt.zero_grad()
            ce(net(x), y).backward()
            opt.step()


def main(cfg, logdir):
    torch.manual_seed(cfg.seed)
    torch.set_num_threads(1)
    src, tr, te = data()
    net = Net(cfg.width)
    fit(net, torch.optim.Adam(net.parameters(), 1e-3), DataLoader(TensorDataset(*src), cfg.batch, shuffle=True), cfg.pre_epochs)

    net.head = nn.Linear(cfg.width, 10)
    for n, p in net.body.named_parameters():
        p.requires_grad = p.ndim == 1            # biases and LayerNorm gains
    trainable = [p for p in net.parameters() if p.requires_grad]
    print("tuned", sum(p.numel() for p in trainable), "of", sum(p.numel() for p in net.parameters()))
    opt = torch.optim.AdamW(trainable, lr=cfg.lr, weight_decay=0.05)
    loader = DataLoader(TensorDataset(*tr), cfg.batch, shuffle=True)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, cfg.epochs * len(loader))
    loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)
    writer = DiagWriter(logdir)
    writer.watch(net, opt, loss_fn)
    for ep in range(cfg.epochs):
        net.train()
        for x, y in loader:
            opt.zero_grad()
            loss = loss_fn(net(x), y)
            loss.backward()
            opt.step()
            sched.step()
        net.eval()
        with torch.no_grad(), writer.evaluating("test"):
            z = net(te[0])
            v = loss_fn(z, te[1]).item()
        if ep % 5 == 4:
            print(ep + 1, round(loss.item(), 4), round(v, 4), (z.argmax(1) == te[1]).float().mean().item())
    writer.close()
    base = LogisticRegression(max_iter=3000).fit(tr[0], tr[1]).score(te[0], te[1])
    print("RESULT test_loss", round(v, 4), "test_acc", round((z.argmax(1) == te[1]).float().mean().item(), 4), "logreg", round(base, 4))


if __name__ == "__main__":
    main(Cfg(), sys.argv[1])
