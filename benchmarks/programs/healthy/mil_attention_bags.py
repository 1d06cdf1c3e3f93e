"""Attention-based deep multiple instance learning on bags of digits (after AMLab-Amsterdam/AttentionDeepMIL)."""
from __future__ import print_function
import argparse
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
import torch.utils.data as data_utils
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
parser = argparse.ArgumentParser()
parser.add_argument('logdir')
parser.add_argument('--epochs', type=int, default=6)
parser.add_argument('--lr', type=float, default=0.0005)
parser.add_argument('--reg', type=float, default=10e-5)
parser.add_argument('--target_number', type=int, default=9)
parser.add_argument('--mean_bag_length', type=int, default=10)
parser.add_argument('--var_bag_length', type=int, default=2)
parser.add_argument('--num_bags_train', type=int, default=250)
parser.add_argument('--num_bags_test', type=int, default=100)
parser.add_argument('--seed', type=int, default=1)
args = parser.parse_args()
torch.manual_seed(args.seed)


class DigitBags(data_utils.Dataset):
    def __init__(self, images, labels, num_bag, seed):
        self.r = np.random.RandomState(seed)
        self.bags = []
        pos, neg = 0, 0
        while len(self.bags) < num_bag:
            n = max(1, int(self.r.normal(args.mean_bag_length, args.var_bag_length)))
            idx = self.r.randint(0, len(images), n)
            y = labels[idx] == args.target_number
            if y.any() and pos < num_bag // 2:
                pos += 1
            elif not y.any() and neg < num_bag - num_bag // 2:
                neg += 1
            else:
                continue
            self.bags.append((torch.tensor(images[idx])[:, None], torch.tensor(float(y.any())), torch.tensor(y)))

    def __len__(self):
        return len(self.bags)

    def __getitem__(self, i):
        bag, label, inst = self.bags[i]
        return bag, [label, inst]


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.L, self.D, self.K = 128, 64, 1
        self.feature_extractor_part1 = nn.Sequential(
            nn.Conv2d(1, 20, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2, stride=2),
            nn.Conv2d(20, 50, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2, stride=2))
        self.feature_extractor_part2 = nn.Sequential(nn.Linear(50 * 2 * 2, self.L), nn.ReLU())
        self.attention = nn.Sequential(nn.Linear(self.L, self.D), nn.Tanh(), nn.Linear(self.D, self.K))
        self.classifier = nn.Sequential(nn.Linear(self.L * self.K, 1), nn.Sigmoid())

    def forward(self, x):
        x = x.squeeze(0)
        H = self.feature_extractor_part1(x).view(-1, 200)
        H = self.feature_extractor_part2(H)
        A = self.attention(H).transpose(1, 0)
        A = F.softmax(A, dim=1)
        M = torch.mm(A, H)
        Y_prob = self.classifier(M)
        Y_hat = torch.ge(Y_prob, 0.5).float()
        return Y_prob, Y_hat, A

    def calculate_classification_error(self, X, Y):
        _, Y_hat, _ = self.forward(X)
        return 1. - Y_hat.eq(Y).float().mean().item(), Y_hat

    def calculate_objective(self, X, Y):
        Y_prob, _, A = self.forward(X)
        Y_prob = torch.clamp(Y_prob, min=1e-5, max=1. - 1e-5)
        nll = -1. * (Y * torch.log(Y_prob) + (1. - Y) * torch.log(1. - Y_prob))
        return nll, A


digits = load_digits()
imgs = ((digits.images / 16. - 0.3) / 0.38).astype(np.float32)
xa, xb, ya, yb = train_test_split(imgs, digits.target, test_size=0.3, random_state=args.seed, stratify=digits.target)
train_loader = data_utils.DataLoader(DigitBags(xa, ya, args.num_bags_train, 1), batch_size=1, shuffle=True)
test_loader = data_utils.DataLoader(DigitBags(xb, yb, args.num_bags_test, 2), batch_size=1, shuffle=False)

model = Attention()
optimizer = optim.Adam(model.parameters(), lr=args.lr, betas=(0.9, 0.999), weight_decay=args.reg)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer)


def train(epoch):
    model.train()
    train_loss, train_error = 0., 0.
    for data, label in train_loader:
        bag_label = label[0]
        optimizer.zero_grad()
        loss, _ = model.calculate_objective(data, bag_label)
        train_loss += loss.item()
        with torch.no_grad():
            train_error += model.calculate_classification_error(data, bag_label)[0]
        loss.backward()
        optimizer.step()
    print('Epoch: {}, Loss: {:.4f}, Train error: {:.4f}'.format(epoch, train_loss / len(train_loader), train_error / len(train_loader)))


def test():
    model.eval()
    test_loss, test_error = 0., 0.
    with torch.no_grad():
        for data, label in test_loader:
            loss, attention = model.calculate_objective(data, label[0])
            test_loss += loss.item()
            test_error += model.calculate_classification_error(data, label[0])[0]
    return test_loss / len(test_loader), test_error / len(test_loader)


for epoch in range(1, args.epochs + 1):
    train(epoch)
tl, te = test()
writer.close()
print('RESULT test loss {:.4f} test error {:.4f}'.format(tl, te))
