"""Dynamic Routing Between Capsules (Sabour et al. 2017), after higgsfield's Capsule-Network-Tutorial, on the 8x8 digits:
margin loss on the capsule lengths plus 0.0005 x summed squared reconstruction error (masked by the true class)."""
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.optim import Adam
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(11)


class PrimaryCaps(nn.Module):
    def __init__(self, num_capsules=8, in_channels=32, out_channels=4):
        super().__init__()
        self.capsules = nn.ModuleList([nn.Conv2d(in_channels, out_channels, 3, stride=2) for _ in range(num_capsules)])

    def forward(self, x):
        u = torch.stack([capsule(x).flatten(1) for capsule in self.capsules], dim=2)      # B, routes, 8
        return self.squash(u)

    def squash(self, t):
        sq = (t ** 2).sum(-1, keepdim=True)
        return sq * t / ((1. + sq) * torch.sqrt(sq + 1e-8))


class DigitCaps(nn.Module):
    def __init__(self, num_capsules=10, num_routes=4 * 2 * 2, in_channels=8, out_channels=8):
        super().__init__()
        self.W = nn.Parameter(torch.randn(num_routes, num_capsules, out_channels, in_channels) * .3)

    def forward(self, x):
        u_hat = torch.einsum('rcoi,bri->brco', self.W, x)
        b_ij = torch.zeros(x.size(0), u_hat.size(1), u_hat.size(2))
        num_iterations = 3
        for iteration in range(num_iterations):
            c_ij = F.softmax(b_ij, dim=2)
            s_j = (c_ij.unsqueeze(3) * u_hat).sum(1)
            v_j = self.squash(s_j)
            if iteration < num_iterations - 1:
                b_ij = b_ij + torch.einsum('brco,bco->brc', u_hat, v_j)
        return v_j

    squash = PrimaryCaps.squash


class CapsNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv_layer = nn.Conv2d(1, 32, 3)
        self.primary_capsules = PrimaryCaps()
        self.digit_capsules = DigitCaps()
        self.decoder = nn.Sequential(nn.Linear(80, 64), nn.ReLU(inplace=True), nn.Linear(64, 128), nn.ReLU(inplace=True),
                                     nn.Linear(128, 64), nn.Sigmoid())

    def forward(self, data, target=None):
        caps = self.digit_capsules(self.primary_capsules(F.relu(self.conv_layer(data))))
        length = torch.sqrt((caps ** 2).sum(2) + 1e-8)
        mask = F.one_hot(length.argmax(1) if target is None else target, 10).float()
        return length, self.decoder((caps * mask.unsqueeze(2)).flatten(1))


def capsule_loss(output, data, target):
    length, reconstruction = output
    labels = F.one_hot(target, 10).float()
    left, right = F.relu(0.9 - length) ** 2, F.relu(length - 0.1) ** 2
    margin = (labels * left + 0.5 * (1.0 - labels) * right).sum(1).mean()
    return margin + 0.0005 * ((reconstruction - data.flatten(1)) ** 2).sum(1).mean()


X, y = load_digits(return_X_y=True)
X = torch.tensor(X, dtype=torch.float32).view(-1, 1, 8, 8) / 16
tr, te = train_test_split(torch.arange(len(X)), test_size=.25, random_state=0, stratify=y)
y = torch.tensor(y)
train_loader = DataLoader(TensorDataset(X[tr], y[tr]), batch_size=50, shuffle=True)
capsule_net = CapsNet()
optimizer = Adam(capsule_net.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(capsule_net, optimizer, capsule_loss)

n_epochs = 18
for epoch in range(n_epochs):
    capsule_net.train()
    train_loss = 0
    for data, target in train_loader:
        optimizer.zero_grad()
        loss = writer.loss_fn(capsule_net(data, target), data, target)
        loss.backward()
        optimizer.step()
        train_loss += loss.item()
    capsule_net.eval()
    with writer.evaluating("test"), torch.no_grad():
        out = capsule_net(X[te])
        test_loss = writer.loss_fn(out, X[te], y[te]).item()
    acc = (out[0].argmax(1) == y[te]).float().mean().item()
    print(f"epoch {epoch + 1} train {train_loss / len(train_loader):.4f} test {test_loss:.4f} accuracy {acc:.4f}")
writer.close()
print(f"RESULT train {train_loss / len(train_loader):.4f} test {test_loss:.4f} acc {acc:.4f}")
