# DeepCluster in small: k-means on the features of a convnet gives pseudo labels,
# the net is trained on them, features are clustered again, ... On 8x8 digits.
import argparse
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("form")
parser.add_argument("logdir")
parser.add_argument("--lr", default=0.02, type=float)
parser.add_argument("--wd", default=-5, type=float, help="weight decay pow (default: -5)")
parser.add_argument("--nmb_cluster", default=12, type=int)
parser.add_argument("--epochs", default=15, type=int)
parser.add_argument("--batch", default=32, type=int)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(31)
np.random.seed(31)


class AverageMeter:
    def __init__(self):
        self.sum = self.count = 0

    def update(self, val, n=1):
        self.sum += val * n
        self.count += n

    @property
    def avg(self):
        return self.sum / max(1, self.count)


class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(),
                                      nn.Conv2d(12, 24, 3, stride=2, padding=1), nn.BatchNorm2d(24), nn.ReLU())
        self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(0.4), nn.Linear(24 * 16, 48), nn.ReLU())
        self.top_layer = nn.Linear(48, num_classes)

    def forward(self, x):
        x = self.classifier(self.features(x))
        return self.top_layer(x)


def compute_targets(images, k):
    # stage 1: PCA-whitened pixels stand for the previous round's features
    flat = images.reshape(len(images), -1)
    flat = (flat - flat.mean(0)) / (flat.std(0) + 0.1)
    return KMeans(k, n_init=3, random_state=0).fit(flat)


def train(loader, model, crit, opt, epoch):
    losses = AverageMeter()
    model.train()
    for i, (input_tensor, target) in enumerate(loader):
        # little augmentation, the images are tiny
        input_tensor = input_tensor + 0.15 * torch.randn_like(input_tensor)
        output = model(input_tensor)
        loss = crit(output, target)
        losses.update(loss.item(), input_tensor.size(0))
        opt.zero_grad()
        loss.backward()
        opt.step()
        if i % 200 == 0:
            print(f"Epoch: [{epoch}][{i}/{len(loader)}] Loss {losses.avg:.4f}")
        if args.form == "faulty":
            return losses.avg
    return losses.avg


def main():
    X, y = load_digits(return_X_y=True)
    X = (X / 16.0 - 0.3).astype("float32")
    X = X + np.random.normal(0, 0.05, X.shape).astype("float32")
    Xtr, Xva, ytr, yva = train_test_split(X, y, test_size=0.25, random_state=1)
    km = compute_targets(Xtr, args.nmb_cluster)
    flat = lambda Z: (Z - Xtr.mean(0)) / (Xtr.std(0) + 0.1)
    t_tr = torch.tensor(km.labels_).long()
    t_va = torch.tensor(km.predict(flat(Xva))).long()
    Xtr, Xva = [torch.tensor(Z).view(-1, 1, 8, 8) for Z in (Xtr, Xva)]

    model = Net(args.nmb_cluster)
    opt = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=10 ** args.wd)
    crit = nn.CrossEntropyLoss()
    writer = DiagWriter(args.logdir)
    writer.watch(model, opt, crit)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(Xtr, t_tr), batch_size=args.batch, shuffle=True)
    val = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(Xva, t_va), batch_size=150)
    sched = torch.optim.lr_scheduler.MultiStepLR(opt, [args.epochs * 2 // 3], 0.1)

    for epoch in range(args.epochs):
        tr = train(loader, model, crit, opt, epoch)
        sched.step()
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            outs = [(model(a), b) for a, b in val]
            vl = np.mean([crit(o, b).item() for o, b in outs])
            va = np.mean([(o.argmax(1) == b).float().mean().item() for o, b in outs])
    model.eval()
    with torch.no_grad():
        ftr, fva = [model.classifier(model.features(Z)).numpy() for Z in (Xtr, Xva)]
    probe = LogisticRegression(max_iter=300).fit(ftr[:200], ytr[:200]).score(fva, yva)
    writer.close()
    print(f"RESULT train={tr:.3f} val={vl:.3f} val_acc_clusters={va:.3f} linear_probe={probe:.3f}")


main()
