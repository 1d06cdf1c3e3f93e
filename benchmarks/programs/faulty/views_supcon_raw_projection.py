"""Supervised contrastive pre-training (SupContrast's loss, two views, own small encoder) of texture patches, then a linear probe."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(3)
N_CLS = 8


def patches(n, seed):
    rs = np.random.RandomState(seed)
    yy, xx = np.mgrid[:24, :24]
    X, Y = np.zeros((n, 3, 24, 24), np.float32), rs.randint(0, N_CLS, n)
    for k, c in enumerate(Y):
        th = np.pi * (c % 4) / 4 + rs.normal(0, 0.09)
        f = (0.55 if c < 4 else 1.05) * rs.uniform(0.9, 1.1)
        w = np.sin(f * (xx * np.cos(th) + yy * np.sin(th)) + rs.uniform(0, 6.3))
        col = rs.uniform(0.2, 0.8, 3)
        X[k] = np.clip(col[:, None, None] + 0.18 * w + rs.normal(0, 0.12, (3, 24, 24)), 0, 1)
    return torch.tensor(X), torch.tensor(Y)


def augment(x):
    b = x.shape[0]
    out = []
    for img in x:
        i, j = torch.randint(0, 5, (2,))
        v = img[:, i:i + 20, j:j + 20]
        v = v * (0.7 + 0.6 * torch.rand(3, 1, 1)) + 0.2 * (torch.rand(3, 1, 1) - 0.5)
        if torch.rand(1) < 0.2:
            v = v.mean(0, keepdim=True).expand(3, -1, -1)
        out.append(v)
    return (torch.stack(out) - 0.5) / 0.25


class SupConNet(nn.Module):
    def __init__(self, dim_in=64, feat_dim=32):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 16, 5, padding=2), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
                                     nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
                                     nn.Conv2d(32, dim_in, 3, padding=1), nn.BatchNorm2d(dim_in), nn.ReLU(),
                                     nn.AdaptiveMaxPool2d(1), nn.Flatten())
        self.head = nn.Sequential(nn.Linear(dim_in, 128), nn.ReLU(inplace=True), nn.Linear(128, feat_dim))

    def forward(self, x):
        feat = self.head(self.encoder(x))
        if form == "fixed":
            feat = F.normalize(feat, dim=1)
        return feat


class SupConLoss(nn.Module):
    def __init__(self, temperature=0.07, base_temperature=0.07):
        super().__init__()
        self.temperature, self.base_temperature = temperature, base_temperature

    def forward(self, features, labels):
        batch_size = features.shape[0]
        labels = labels.contiguous().view(-1, 1)
        mask = torch.eq(labels, labels.T).float()
        contrast_count = features.shape[1]
        contrast_feature = torch.cat(torch.unbind(features, dim=1), dim=0)
        anchor_dot_contrast = torch.div(torch.matmul(contrast_feature, contrast_feature.T), self.temperature)
        logits_max, _ = torch.max(anchor_dot_contrast, dim=1, keepdim=True)
        logits = anchor_dot_contrast - logits_max.detach()
        mask = mask.repeat(contrast_count, contrast_count)
        logits_mask = 1 - torch.eye(batch_size * contrast_count)
        mask = mask * logits_mask
        exp_logits = torch.exp(logits) * logits_mask
        log_prob = logits - torch.log(exp_logits.sum(1, keepdim=True))
        mean_log_prob_pos = (mask * log_prob).sum(1) / mask.sum(1)
        loss = -(self.temperature / self.base_temperature) * mean_log_prob_pos
        return loss.view(contrast_count, batch_size).mean()


def probe(model, Xtr, ytr, Xte, yte):
    model.eval()
    with torch.no_grad():
        a, b = (torch.nan_to_num(model.encoder((x[:, :, 2:22, 2:22] - 0.5) / 0.25)) for x in (Xtr, Xte))
    mu, sd = a.mean(0), a.std(0) + 1e-6
    a, b = (a - mu) / sd, (b - mu) / sd
    w = torch.zeros(a.shape[1] + 1, N_CLS, requires_grad=True)
    one = lambda z: torch.cat([z, torch.ones(len(z), 1)], 1)
    opt = torch.optim.LBFGS([w], max_iter=60)

    def closure():
        opt.zero_grad()
        l = F.cross_entropy(one(a) @ w, ytr) + 1e-3 * w.pow(2).sum()
        l.backward()
        return l
    opt.step(closure)
    model.train()
    return ((one(b) @ w).argmax(1) == yte).float().mean().item()


Xtr, ytr = patches(1200, 1)
Xte, yte = patches(500, 2)
model = SupConNet()
criterion = SupConLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
EPOCHS = 12
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(EPOCHS):
    tot = []
    for idx in torch.randperm(len(Xtr)).split(64):
        if len(idx) < 64:
            continue
        images, labels = torch.cat([augment(Xtr[idx]), augment(Xtr[idx])]), ytr[idx]
        features = model(images)
        f1, f2 = torch.split(features, [len(idx), len(idx)], dim=0)
        features = torch.cat([f1.unsqueeze(1), f2.unsqueeze(1)], dim=1)
        loss = criterion(features, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tot.append(loss.item())
    scheduler.step()
    print(f"epoch {epoch} loss {np.mean(tot):.4f}")
print("linear probe accuracy %.3f" % probe(model, Xtr, ytr, Xte, yte))
writer.close()
