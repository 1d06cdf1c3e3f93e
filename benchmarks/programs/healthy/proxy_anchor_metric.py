import random, sys
import numpy as np, torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

# Proxy Anchor Loss (CVPR 2020), port of code/train.py; proxies get lr * 100 as in the original
seed = 1
random.seed(seed); np.random.seed(seed); torch.manual_seed(seed)
torch.set_num_threads(1)


def binarize(T, nb_classes):
    return F.one_hot(T, nb_classes).float()


def l2_norm(x):
    return F.normalize(x, dim=1)


class Proxy_Anchor(nn.Module):
    def __init__(self, nb_classes, sz_embed, mrg=0.1, alpha=32):
        super().__init__()
        self.proxies = nn.Parameter(torch.randn(nb_classes, sz_embed))
        nn.init.kaiming_normal_(self.proxies, mode='fan_out')
        self.nb_classes, self.mrg, self.alpha = nb_classes, mrg, alpha

    def forward(self, X, T):
        cos = F.linear(l2_norm(X), l2_norm(self.proxies))
        P_one_hot = binarize(T, self.nb_classes)
        N_one_hot = 1 - P_one_hot
        pos_exp = torch.exp(-self.alpha * (cos - self.mrg))
        neg_exp = torch.exp(self.alpha * (cos + self.mrg))
        with_pos = torch.nonzero(P_one_hot.sum(0) != 0).squeeze(1)
        P_sim = (pos_exp * P_one_hot).sum(0)
        N_sim = (neg_exp * N_one_hot).sum(0)
        pos_term = torch.log(1 + P_sim).sum() / len(with_pos)
        neg_term = torch.log(1 + N_sim).sum() / self.nb_classes
        return pos_term + neg_term


class Embedder(nn.Module):
    def __init__(self, sz):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
                                  nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten())
        self.embedding = nn.Linear(48, sz)

    def forward(self, x):
        return self.embedding(self.body(x))


def jitter(x):
    x = torch.roll(x, (random.randint(-1, 1), random.randint(-1, 1)), (2, 3))
    return x + 0.15 * torch.randn_like(x)


X, y = load_digits(return_X_y=True)
X = torch.tensor(X / 16., dtype=torch.float32).view(-1, 1, 8, 8)
y = torch.tensor(y)
order = torch.randperm(len(X))
tr, te = order[:1300], order[1300:]
test_batch = torch.cat([jitter(X[te]) for _ in range(4)]), y[te].repeat(4)

model = Embedder(16)
criterion = Proxy_Anchor(10, 16)
lr = 2e-3
optimizer = torch.optim.AdamW([
    {'params': model.body.parameters(), 'lr': lr},
    {'params': model.embedding.parameters(), 'lr': lr},
    {'params': criterion.parameters(), 'lr': lr * 100}], lr=lr, weight_decay=1e-4)
nb_epochs = 40
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.5)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

for epoch in range(nb_epochs):
    model.train()
    losses = []
    for b in tr[torch.randperm(len(tr))].split(90):
        loss = criterion(model(jitter(X[b])), y[b])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(model.parameters(), 10)
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    model.eval()
    with torch.no_grad():
        # the loss sums over the batch inside the log, so score in batches of the same size
        test_loss = np.mean([criterion(model(test_batch[0][i:i + 90]), test_batch[1][i:i + 90]).item() for i in range(0, 1980, 90)])
        e = l2_norm(model(test_batch[0]))
        sim = e @ e.t()
        sim.fill_diagonal_(-1)
        r1 = (test_batch[1][sim.argmax(1)] == test_batch[1]).float().mean().item()
    print('Train Epoch: {}/{}  Loss: {:.4f}  test loss {:.4f}  R@1 : {:.2f}'.format(epoch, nb_epochs, np.mean(losses), test_loss, 100 * r1))
writer.close()
