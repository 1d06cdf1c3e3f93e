"""Evidential deep learning: softplus evidence, cross-entropy Bayes risk plus a KL term whose weight grows
piecewise from 0 to 1 over the training (so the total may rise), dropout 0.5, Adam with weight decay 0.005.
Port of labmlai/annotated_deep_learning_paper_implementations uncertainty/evidence; scikit-learn's digits."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class CrossEntropyBayesRisk(nn.Module):
    def forward(self, evidence, target):
        alpha = evidence + 1.
        strength = alpha.sum(dim=-1)
        return (target * (torch.digamma(strength)[:, None] - torch.digamma(alpha))).sum(dim=-1).mean()


class KLDivergenceLoss(nn.Module):
    def forward(self, evidence, target):
        alpha = evidence + 1.
        n_classes = evidence.shape[-1]
        a = target + (1 - target) * alpha
        s = a.sum(dim=-1)
        first = (torch.lgamma(s) - torch.lgamma(a.new_tensor(float(n_classes))) - torch.lgamma(a).sum(dim=-1))
        second = ((a - 1) * (torch.digamma(a) - torch.digamma(s)[:, None])).sum(dim=-1)
        return (first + second).mean()


class Model(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 3, padding=1)
        self.conv2 = nn.Conv2d(20, 50, 3, padding=1)
        self.fc1 = nn.Linear(50 * 2 * 2, 200)
        self.fc2 = nn.Linear(200, 10)
        self.pool = nn.MaxPool2d(2, 2)
        self.act = nn.ReLU()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = self.pool(self.act(self.conv1(x)))
        x = self.pool(self.act(self.conv2(x)))
        x = self.act(self.fc1(x.flatten(1)))
        return self.fc2(self.dropout(x))


def piecewise(schedule, x):
    for (x0, y0), (x1, y1) in zip(schedule, schedule[1:]):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return schedule[-1][1]


d = load_digits()
X = torch.tensor(d.images, dtype=torch.float32)[:, None] / 8 - 1
Y = torch.tensor(d.target)
perm = torch.randperm(len(X))
train_loader = DataLoader(TensorDataset(X[perm[:1300]], Y[perm[:1300]]), batch_size=16, shuffle=True)
valid_loader = DataLoader(TensorDataset(X[perm[1300:]], Y[perm[1300:]]), batch_size=256)
epochs = 24
schedule = [(0, 0.), (0.2, 0.01), (1, 1.)]

model = Model(0.5)
to_evidence = nn.Softplus()
loss_func, kl_div_loss = CrossEntropyBayesRisk(), KLDivergenceLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.002, weight_decay=0.005)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
eye, step, total_steps = torch.eye(10), 0, epochs * len(train_loader)

for epoch in range(epochs):
    model.train()
    tr = []
    for data, target in train_loader:
        evidence = to_evidence(model(data))
        coef = min(1., piecewise(schedule, step / total_steps))
        loss = loss_func(evidence, eye[target])
        kl = kl_div_loss(evidence, eye[target])
        loss = loss + coef * kl
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        writer.add_loss("train", loss)
        tr.append(loss.item())
        step += 1
    model.eval()
    ok = n = 0
    vl, u = [], []
    with torch.no_grad():
        for data, target in valid_loader:
            evidence = to_evidence(model(data))
            vl.append((loss_func(evidence, eye[target]) + coef * kl_div_loss(evidence, eye[target])).item())
            ok += (evidence.argmax(1) == target).sum().item()
            n += len(target)
            u.append((10 / (evidence + 1).sum(1)).mean().item())
    print(f"{epoch}: loss.train {np.mean(tr):.4f} loss.valid {np.mean(vl):.4f} accuracy.valid {ok / n:.4f} uncertainty {np.mean(u):.3f} coef {coef:.3f}")
writer.close()
