"""Metric learning with online triplets: balanced batches, random hard negatives, squared distances, margin 1;
the loss is a mean over the selected (violating) triplets only, so it hangs near the margin while their
number falls. An embedding of eight numbers, StepLR.
Port of adambielski/siamese-triplet (losses.py, utils.py, trainer.py); scikit-learn's digits."""
import itertools
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier
from torch import optim
from torch.optim import lr_scheduler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)


class EmbeddingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.convnet = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.PReLU(), nn.MaxPool2d(2, stride=2),
                                     nn.Conv2d(16, 32, 3, padding=1), nn.PReLU(), nn.MaxPool2d(2, stride=2))
        self.fc = nn.Sequential(nn.Linear(32 * 4, 64), nn.PReLU(), nn.Linear(64, 64), nn.PReLU(), nn.Linear(64, 8))

    def forward(self, x):
        return self.fc(self.convnet(x).flatten(1))


class BalancedBatchSampler(torch.utils.data.sampler.BatchSampler):
    def __init__(self, labels, n_classes, n_samples):
        self.labels, self.n_classes, self.n_samples = labels.numpy(), n_classes, n_samples
        self.by = {c: np.where(self.labels == c)[0] for c in set(self.labels.tolist())}

    def __iter__(self):
        for _ in range(len(self)):
            classes = np.random.choice(list(self.by), self.n_classes, replace=False)
            yield np.concatenate([np.random.choice(self.by[c], self.n_samples, replace=False) for c in classes]).tolist()

    def __len__(self):
        return len(self.labels) // (self.n_classes * self.n_samples)


class RandomHardNegativeTripletSelector:
    def __init__(self, margin):
        self.margin = margin

    def get_triplets(self, emb, labels):
        emb = emb.detach()
        D = torch.cdist(emb, emb).pow(2).numpy()
        labels = labels.numpy()
        triplets = []
        for c in set(labels):
            pos, neg = np.where(labels == c)[0], np.where(labels != c)[0]
            for a, p in itertools.combinations(pos, 2):
                loss = D[a, p] - D[a, neg] + self.margin
                hard = np.where(loss > 0)[0]
                if len(hard):
                    triplets.append([a, p, neg[np.random.choice(hard)]])
        if not triplets:
            triplets.append([pos[0], pos[1], neg[0]])
        return torch.tensor(np.array(triplets))


class OnlineTripletLoss(nn.Module):
    def __init__(self, margin, selector):
        super().__init__()
        self.margin, self.selector = margin, selector

    def forward(self, embeddings, target):
        t = self.selector.get_triplets(embeddings, target)
        ap = (embeddings[t[:, 0]] - embeddings[t[:, 1]]).pow(2).sum(1)
        an = (embeddings[t[:, 0]] - embeddings[t[:, 2]]).pow(2).sum(1)
        return F.relu(ap - an + self.margin).mean(), len(t)


d = load_digits()
X = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16
X = (X - 0.305) / 0.376
Y = torch.tensor(d.target)
perm = torch.randperm(len(X))
xtr, ytr, xte, yte = X[perm[:1300]], Y[perm[:1300]], X[perm[1300:]], Y[perm[1300:]]
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(xtr, ytr),
                                     batch_sampler=BalancedBatchSampler(ytr, n_classes=10, n_samples=10))
margin, n_epochs = 1., 24
model = EmbeddingNet()
loss_fn = OnlineTripletLoss(margin, RandomHardNegativeTripletSelector(margin))
optimizer = optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)
scheduler = lr_scheduler.StepLR(optimizer, 10, gamma=0.1, last_epoch=-1)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)

for epoch in range(n_epochs):
    model.train()
    losses, nz = [], []
    for data, target in loader:
        optimizer.zero_grad()
        loss, n = loss_fn(model(data), target)
        loss.backward()
        optimizer.step()
        writer.add_loss("train", loss)
        losses.append(loss.item())
        nz.append(n)
    scheduler.step()
    model.eval()
    with torch.no_grad():
        etr, ete = model(xtr).numpy(), model(xte).numpy()
    acc = KNeighborsClassifier(5).fit(etr, ytr.numpy()).score(ete, yte.numpy())
    print(f"Epoch: {epoch + 1}/{n_epochs}. Train set: Average loss: {np.mean(losses):.4f}\tAverage nonzero triplets: {np.mean(nz):.1f}\t5-NN test accuracy {acc:.4f}")
writer.close()
