"""Card fraud style table: 4 % positives, focal loss, prior-bias at the head, weighted sampler left out on purpose
(the focal loss does the work). After clcarwin/focal_loss_pytorch and the RetinaNet bias initialisation."""
import math
import sys
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter


class FocalLoss(nn.Module):
    def __init__(self, gamma=2.0, alpha=0.75):
        super().__init__()
        self.gamma, self.alpha = gamma, alpha

    def forward(self, logits, target):
        ce = F.binary_cross_entropy_with_logits(logits, target, reduction='none')
        p = torch.sigmoid(logits)
        pt = target * p + (1 - target) * (1 - p)
        at = target * self.alpha + (1 - target) * (1 - self.alpha)
        return (at * (1 - pt) ** self.gamma * ce).mean()


class FraudNet(nn.Module):
    def __init__(self, n_in, prior=0.04):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_in, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(.25),
                                  nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU())
        self.head = nn.Linear(32, 1)
        nn.init.constant_(self.head.bias, -math.log((1 - prior) / prior))

    def forward(self, x):
        return self.head(self.body(x)).squeeze(1)


def load():
    X, y = make_classification(12000, 20, n_informative=10, n_redundant=4, n_clusters_per_class=3,
                               weights=[.96], flip_y=0.002, class_sep=1.6, random_state=3)
    X[:, 0] = np.exp(X[:, 0] / 2)  # amounts are skewed
    Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=.25, stratify=y, random_state=0)
    Xtr, Xva, ytr, yva = train_test_split(Xtr, ytr, test_size=.2, stratify=ytr, random_state=0)
    sc = StandardScaler().fit(Xtr)
    t = lambda a: torch.tensor(a, dtype=torch.float32)
    return [(t(sc.transform(a)), t(b)) for a, b in ((Xtr, ytr), (Xva, yva), (Xte, yte))]


def evaluate(model, loss_fn, data):
    model.eval()
    with torch.no_grad():
        out = model(data[0])
        return loss_fn(out, data[1]).item(), average_precision_score(data[1], out), roc_auc_score(data[1], out)


if __name__ == '__main__':
    torch.manual_seed(0)
    train, val, test = load()
    print('share of positives %.3f' % train[1].mean().item())
    loader = DataLoader(TensorDataset(*train), batch_size=128, shuffle=True)
    model = FraudNet(train[0].shape[1])
    opt = torch.optim.AdamW(model.parameters(), lr=6e-3, weight_decay=1e-2)
    epochs = 14
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs)
    loss_fn = FocalLoss()
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, opt, loss_fn, train_loader=loader)
    for epoch in range(epochs):
        model.train()
        run = 0.
        for x, y in loader:
            opt.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            opt.step()
            run += loss.item() * len(x)
        sched.step()
        with writer.evaluating("val"):
            l, ap, auc = evaluate(model, loss_fn, val)
        if epoch % 3 == 1:
            print('epoch %d train %.5f val %.5f AP %.3f AUC %.4f' % (epoch + 1, run / len(train[0]), l, ap, auc))
    print('test loss %.5f AP %.3f AUC %.4f' % evaluate(model, loss_fn, test))
    writer.close()
