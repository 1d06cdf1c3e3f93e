#!/usr/bin/env python
"""Self-paced learning (Kumar 2010): only samples with a loss below lambda count, lambda grows each epoch.

The reported training loss therefore RISES while the curriculum takes in harder samples; the plain validation loss
falls.  15 % of the training labels are wrong, and lambda stops growing before these get in.
"""
import sys
import torch
from torch import nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tb_lossdiag import DiagWriter


def get_data():
    X, y = load_digits(return_X_y=True)
    Xtr, Xva, ytr, yva = train_test_split(X / 16, y, test_size=0.3, random_state=0, stratify=y)
    g = torch.Generator().manual_seed(0)
    ytr = torch.tensor(ytr)
    bad = torch.rand(len(ytr), generator=g) < 0.15
    ytr[bad] = torch.randint(10, (int(bad.sum()),), generator=g)
    f = lambda a: torch.tensor(a, dtype=torch.float32)
    return f(Xtr), ytr, f(Xva), torch.tensor(yva)


class SPLLoss(nn.NLLLoss):
    """as in the usual GitHub port: the threshold lives in the loss"""

    def __init__(self, threshold=1.2, growing_factor=1.06, ceiling=1.6):
        super().__init__(reduction="none")
        self.threshold, self.growing_factor, self.ceiling = threshold, growing_factor, ceiling

    def forward(self, logp, target):
        losses = super().forward(logp, target)
        if not torch.is_grad_enabled():
            return losses.mean()
        v = (losses.detach() < self.threshold).float()
        return (losses * v).sum() / v.sum().clamp(min=1)

    def increase_threshold(self):
        self.threshold = min(self.threshold * self.growing_factor, self.ceiling)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(64, 64), nn.Linear(64, 32), nn.Linear(32, 10)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return torch.log_softmax(self.fc3(x), 1)


def main(logdir):
    torch.set_num_threads(1)
    torch.manual_seed(1)
    Xtr, ytr, Xva, yva = get_data()
    net = Model()
    # a few epochs of everything first, so that "easy" means something
    opt = torch.optim.Adam(net.parameters(), lr=3e-3, weight_decay=1e-4)
    spl = SPLLoss(threshold=10.0)
    w = DiagWriter(logdir)
    w.watch(net, opt, spl)
    for epoch in range(30):
        if epoch == 6:
            spl.threshold = 0.6
        kept = 0
        net.train()
        tot, nb = 0.0, 0
        for idx in torch.randperm(len(Xtr)).split(32):
            opt.zero_grad()
            out = net(Xtr[idx])
            loss = spl(out, ytr[idx])
            loss.backward()
            opt.step()
            tot += loss.item(); nb += 1
            kept += (out.detach().gather(1, ytr[idx, None]).neg() < spl.threshold).sum().item()
        if epoch >= 6:
            spl.increase_threshold()
        net.eval()
        with torch.no_grad(), w.evaluating("val"):
            lp = net(Xva)
            val = spl(lp, yva)
        acc = (lp.argmax(1) == yva).float().mean()
        if epoch % 3 == 2 or epoch == 6:
            print(f"epoch {epoch+1}: loss {tot/nb:.4f} kept {kept/len(Xtr):.2f} threshold {spl.threshold:.2f} val {val:.4f} acc {acc:.4f}")
    w.close()
    print(f"RESULT val_loss={val:.4f} acc={acc:.4f} kept={kept/len(Xtr):.3f}")


if __name__ == "__main__":
    main(sys.argv[1])
