# Metric learning with online semi-hard triplet mining (after adambielski/siamese-triplet)
import sys
from itertools import combinations
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.sampler import BatchSampler
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from tb_lossdiag import DiagWriter


class BalancedBatchSampler(BatchSampler):
    """samples n_classes and within these classes n_samples. Returns batches of size n_classes * n_samples"""
    def __init__(self, labels, n_classes, n_samples):
        self.labels = np.asarray(labels)
        self.label_to_idx = {l: np.where(self.labels == l)[0] for l in set(labels.tolist())}
        self.n_classes, self.n_samples = n_classes, n_samples

    def __iter__(self):
        for _ in range(len(self)):
            classes = np.random.choice(list(self.label_to_idx), self.n_classes, replace=False)
            yield np.concatenate([np.random.choice(self.label_to_idx[c], self.n_samples, replace=False) for c in classes]).tolist()

    def __len__(self):
        return len(self.labels) // (self.n_classes * self.n_samples)


class EmbeddingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.convnet = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.PReLU(), nn.MaxPool2d(2),
                                     nn.Conv2d(16, 32, 3, padding=1), nn.PReLU(), nn.MaxPool2d(2))
        self.fc = nn.Sequential(nn.Linear(32 * 2 * 2, 64), nn.PReLU(), nn.Linear(64, 8))

    def forward(self, x):
        return self.fc(self.convnet(x).flatten(1))


class OnlineTripletLoss(nn.Module):
    """Takes a batch of embeddings and labels; triplets are chosen semi-hard (inside the margin, negative behind the positive)."""
    def __init__(self, margin):
        super().__init__()
        self.margin = margin

    @torch.no_grad()
    def get_triplets(self, emb, labels):
        dist = torch.cdist(emb, emb).pow(2).numpy()
        labels = labels.numpy()
        triplets = []
        for label in set(labels):
            idx = np.where(labels == label)[0]
            neg = np.where(labels != label)[0]
            for a, p in combinations(idx, 2):
                lv = dist[a, p] - dist[a, neg] + self.margin
                semihard = np.where((lv < self.margin) & (lv > 0))[0]
                if len(semihard):
                    triplets.append([a, p, neg[np.random.choice(semihard)]])
        if not triplets:
            triplets.append([a, p, neg[0]])
        return torch.tensor(np.array(triplets))

    def forward(self, emb, labels):
        t = self.get_triplets(emb.detach(), labels)
        ap = (emb[t[:, 0]] - emb[t[:, 1]]).pow(2).sum(1)
        an = (emb[t[:, 0]] - emb[t[:, 2]]).pow(2).sum(1)
        return F.relu(ap - an + self.margin).mean(), len(t)


def fit(loader, x_tr, y_tr, x_te, y_te, model, loss_fn, optimizer, scheduler, n_epochs, writer):
    for epoch in range(n_epochs):
        model.train()
        losses, n_trip = [], 0
        for x, y in loader:
            optimizer.zero_grad()
            loss, n = loss_fn(model(x), y)
            writer.add_loss("train", loss)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            n_trip += n
        scheduler.step()
        model.eval()
        if epoch % 4 == 3:
            with torch.no_grad():
                knn = KNeighborsClassifier(5).fit(model(x_tr).numpy(), y_tr.numpy())
                acc = knn.score(model(x_te).numpy(), y_te.numpy())
            print('Epoch: {}/{}. Train set: Average loss: {:.4f}\tAverage nonzero triplets: {:.1f}\tval knn acc {:.4f}'.format(
                epoch + 1, n_epochs, np.mean(losses), n_trip / len(loader), acc))


if __name__ == '__main__':
    np.random.seed(0)
    torch.manual_seed(0)
    d = load_digits()
    x_tr, x_te, y_tr, y_te = train_test_split(d.images.astype('float32')[:, None] / 8 - 0.61, d.target, test_size=0.3, random_state=1)
    x_tr, x_te, y_tr, y_te = map(torch.from_numpy, (x_tr, x_te, y_tr, y_te))
    loader = DataLoader(TensorDataset(x_tr, y_tr), batch_sampler=BalancedBatchSampler(y_tr, n_classes=10, n_samples=8))
    model = EmbeddingNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)
    scheduler = lr_scheduler.StepLR(optimizer, 8, gamma=0.3)
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optimizer)
    fit(loader, x_tr, y_tr, x_te, y_te, model, OnlineTripletLoss(1.), optimizer, scheduler, 24, writer)
