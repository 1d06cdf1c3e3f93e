"""TRADES (yaodongyu/TRADES) on 8x8 digits: natural cross-entropy + beta * KL(clean || adversarial).

Robust training holds the loss up on purpose; the natural accuracy is a little lower than with plain training.
"""
from __future__ import print_function
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_digits

from tb_lossdiag import DiagWriter

args = dict(batch_size=64, epochs=9, lr=0.06, momentum=0.9, epsilon=0.15, num_steps=3, step_size=0.05, beta=4.0, log_interval=10, seed=1)
torch.set_num_threads(1)
torch.manual_seed(args["seed"])


class SmallCNN(nn.Module):
    def __init__(self, drop=0.3):
        super(SmallCNN, self).__init__()
        self.feature_extractor = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        self.classifier = nn.Sequential(nn.Linear(32 * 16, 64), nn.ReLU(inplace=True), nn.Dropout(drop), nn.Linear(64, 10))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight)

    def forward(self, x):
        return self.classifier(self.feature_extractor(x).flatten(1))


def attack(model, x, target_fn, random_start=0.001):
    model.eval()
    x_adv = x.detach() + random_start * torch.randn(x.shape)
    for _ in range(args["num_steps"]):
        x_adv.requires_grad_()
        with torch.enable_grad():
            loss = target_fn(model(x_adv))
        grad = torch.autograd.grad(loss, [x_adv])[0]
        x_adv = x_adv.detach() + args["step_size"] * torch.sign(grad.detach())
        x_adv = torch.min(torch.max(x_adv, x - args["epsilon"]), x + args["epsilon"]).clamp(0.0, 1.0)
    return x_adv.detach()


def trades_loss(model, x_natural, y, optimizer, beta):
    criterion_kl = nn.KLDivLoss(reduction="sum")
    with torch.no_grad():
        model.eval()
        p = F.softmax(model(x_natural), dim=1)
    x_adv = attack(model, x_natural, lambda out: criterion_kl(F.log_softmax(out, dim=1), p))
    model.train()
    optimizer.zero_grad()
    logits = model(x_natural)
    loss_natural = F.cross_entropy(logits, y)
    loss_robust = criterion_kl(F.log_softmax(model(x_adv), dim=1), F.softmax(logits, dim=1)) / len(x_natural)
    return loss_natural + beta * loss_robust


def main():
    d = load_digits()
    perm = np.random.RandomState(0).permutation(len(d.target))
    x = torch.tensor(d.images[perm] / 16, dtype=torch.float32)[:, None]
    y = torch.tensor(d.target[perm])
    x_tr, y_tr, x_te, y_te = x[:1400], y[:1400], x[1400:], y[1400:]
    model = SmallCNN()
    optimizer = optim.SGD(model.parameters(), lr=args["lr"], momentum=args["momentum"])
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optimizer)
    for epoch in range(1, args["epochs"] + 1):
        if epoch == 7:
            for g in optimizer.param_groups:
                g["lr"] = args["lr"] * 0.1
        for idx in torch.randperm(len(x_tr)).split(args["batch_size"]):
            loss = trades_loss(model, x_tr[idx], y_tr[idx], optimizer, args["beta"])
            loss.backward()
            optimizer.step()
            writer.add_loss("train", loss)
        x_adv = attack(model, x_te, lambda out: F.cross_entropy(out, y_te))
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            o, oa = model(x_te), model(x_adv)
            nat, rob = F.cross_entropy(o, y_te), F.cross_entropy(oa, y_te)
            kl = F.kl_div(F.log_softmax(oa, 1), F.softmax(o, 1), reduction="batchmean")
            val = nat + args["beta"] * kl
            writer.add_loss("val", val)
        acc, racc = [(q.argmax(1) == y_te).float().mean().item() for q in (o, oa)]
        print('Epoch {}: train {:.4f} val {:.4f} natural acc {:.4f} robust acc {:.4f}'.format(epoch, loss.item(), val.item(), acc, racc))
    writer.close()
    print(f"RESULT val_loss={val.item():.4f} nat_loss={nat.item():.4f} nat_acc={acc:.4f} robust_acc={racc:.4f}")


if __name__ == "__main__":
    main()
