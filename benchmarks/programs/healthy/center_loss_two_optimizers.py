"""Softmax and center loss on digits, RMSprop for the net and for the centers (KaiyangZhou/pytorch-center-loss)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.nn import functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)


class args:
    batch_size, lr_model, lr_cent, weight_cent, max_epoch, stepsize, gamma = 64, 0.003, 0.01, 0.01, 12, 5, 0.3


class CenterLoss(nn.Module):
    def __init__(self, num_classes=10, feat_dim=2):
        super(CenterLoss, self).__init__()
        self.num_classes = num_classes
        self.feat_dim = feat_dim
        self.centers = nn.Parameter(torch.randn(self.num_classes, self.feat_dim))

    def forward(self, x, labels):
        batch_size = x.size(0)
        distmat = torch.pow(x, 2).sum(dim=1, keepdim=True).expand(batch_size, self.num_classes) + \
            torch.pow(self.centers, 2).sum(dim=1, keepdim=True).expand(self.num_classes, batch_size).t()
        distmat = distmat.addmm(x, self.centers.t(), beta=1, alpha=-2)
        classes = torch.arange(self.num_classes).long()
        mask = labels.unsqueeze(1).expand(batch_size, self.num_classes).eq(classes.expand(batch_size, self.num_classes))
        dist = distmat * mask.float()
        return dist.clamp(min=1e-12, max=1e+12).sum() / batch_size


class ConvNet(nn.Module):
    def __init__(self, num_classes):
        super(ConvNet, self).__init__()
        self.conv1_1 = nn.Conv2d(1, 16, 3, padding=1)
        self.prelu1_1 = nn.PReLU()
        self.conv1_2 = nn.Conv2d(16, 16, 3, padding=1)
        self.prelu1_2 = nn.PReLU()
        self.conv2_1 = nn.Conv2d(16, 32, 3, padding=1)
        self.prelu2_1 = nn.PReLU()
        self.fc1 = nn.Linear(32 * 3 * 3, 2)
        self.prelu_fc1 = nn.PReLU()
        self.fc2 = nn.Linear(2, num_classes)

    def forward(self, x):
        x = self.prelu1_1(self.conv1_1(x))
        x = self.prelu1_2(self.conv1_2(x))
        x = F.max_pool2d(x, 2)
        x = self.prelu2_1(self.conv2_1(x))
        x = F.max_pool2d(x, 2)
        x = x.view(-1, 32 * 3 * 3)
        x = self.prelu_fc1(self.fc1(x))
        y = self.fc2(x)
        return x, y


d = load_digits()
rng = np.random.default_rng(0)
keep = np.flatnonzero(d.target < 6)
perm = rng.permutation(keep)
NC = 6


def images(idx, copies):
    x = np.repeat(d.images[idx] / 16.0, copies, 0)
    out = np.zeros((len(x), 1, 12, 12), np.float32)
    for k, im in enumerate(x):
        a, b = rng.integers(1, 4, 2)
        out[k, 0, a:a + 8, b:b + 8] = im
    out += rng.normal(0, 0.08, out.shape).astype(np.float32)
    return torch.utils.data.TensorDataset(torch.tensor((out - 0.5) / 0.5), torch.tensor(np.repeat(d.target[idx], copies)))


trainloader = torch.utils.data.DataLoader(images(perm[:850], 5), batch_size=args.batch_size, shuffle=True)
testloader = torch.utils.data.DataLoader(images(perm[850:], 2), batch_size=args.batch_size)
model = ConvNet(NC)
criterion_xent = nn.CrossEntropyLoss()
criterion_cent = CenterLoss(num_classes=NC, feat_dim=2)
optimizer_model = torch.optim.RMSprop(model.parameters(), lr=args.lr_model)
optimizer_centloss = torch.optim.RMSprop(criterion_cent.parameters(), lr=args.lr_cent)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer_model, step_size=args.stepsize, gamma=args.gamma)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer_model)

for epoch in range(args.max_epoch):
    model.train()
    losses = []
    for data, labels in trainloader:
        features, outputs = model(data)
        loss_xent = criterion_xent(outputs, labels)
        loss_cent = criterion_cent(features, labels)
        loss_cent *= args.weight_cent
        loss = loss_xent + loss_cent
        writer.add_loss("train", loss)
        optimizer_model.zero_grad()
        optimizer_centloss.zero_grad()
        loss.backward()
        optimizer_model.step()
        # by doing so, weight_cent would not impact on the learning of centers
        for param in criterion_cent.parameters():
            param.grad.data *= (1. / args.weight_cent)
        optimizer_centloss.step()
        losses.append(loss.item())
    scheduler.step()
    correct = total = tl = 0
    with writer.evaluating("test"):
        for data, labels in testloader:
            features, outputs = model(data)
            loss = criterion_xent(outputs, labels) + args.weight_cent * criterion_cent(features, labels)
            writer.add_loss("test", loss)
            tl += loss.item() * len(labels)
            correct += (outputs.max(1)[1] == labels).sum().item()
            total += len(labels)
    print("==> Epoch {}/{} loss {:.4f} test loss {:.4f} Accuracy (%): {:.2f}".format(epoch + 1, args.max_epoch, np.mean(losses), tl / total, 100. * correct / total))
writer.close()
