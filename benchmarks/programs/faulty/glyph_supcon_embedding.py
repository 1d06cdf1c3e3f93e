import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
rng = np.random.RandomState(1)
mode, logdir = sys.argv[1:]


class GlyphFolder(Dataset):
    """root/<class>/<sample>.png, walked in the order of os.walk; every glyph is pasted on a cluttered canvas"""

    def __init__(self, images, targets):
        order = np.argsort(targets, kind="stable")
        self.targets = torch.tensor(targets[order])
        self.images = torch.stack([self.paste(im) for im in images[order]])

    @staticmethod
    def paste(im):
        c = np.zeros((14, 14), "float32")
        y, x = rng.randint(0, 7, 2)
        c[y:y + 8, x:x + 8] = im / 16.0 * rng.uniform(0.6, 1.0)
        c += rng.normal(0, 0.13, c.shape)
        if rng.rand() < 0.7:
            k = rng.randint(0, 12)
            c[k:k + 2] += rng.uniform(-0.4, 0.4)
        return torch.from_numpy(((c - 0.17) / 0.32).astype("float32"))[None]

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        return self.images[i], self.targets[i]


class SupConLoss(nn.Module):
    def __init__(self, temperature=0.2):
        super().__init__()
        self.temperature = temperature

    def forward(self, emb, labels):
        n = len(labels)
        sim = emb @ emb.T / self.temperature
        self_mask = torch.eye(n, dtype=torch.bool)
        pos = (labels[:, None] == labels[None]) & ~self_mask
        logp = sim - sim.masked_fill(self_mask, -1e9).logsumexp(1, keepdim=True)
        return -((logp * pos).sum(1) / pos.sum(1).clamp(min=1)).mean()


class EmbeddingNet(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(),
            nn.Conv2d(48, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(),
            nn.AdaptiveMaxPool2d(2))
        self.fc = nn.Linear(48 * 4, dim)

    def forward(self, x):
        return F.normalize(self.fc(self.conv(x).flatten(1)), dim=1)


data = load_digits()
perm = rng.permutation(len(data.target))
gallery_idx, query_idx = perm[:1300], perm[1300:]
train_ds = GlyphFolder(data.images[gallery_idx], data.target[gallery_idx])
test_ds = GlyphFolder(data.images[query_idx], data.target[query_idx])
train_loader = DataLoader(train_ds, batch_size=64, shuffle=(mode == "fixed"), drop_last=True)

model = EmbeddingNet()
criterion = SupConLoss(0.2)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=5e-4)
epochs = 16
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion, train_loader=train_loader)


@torch.no_grad()
def recall_at_1():
    model.eval()
    g, q = model(train_ds.images), model(test_ds.images)
    nn1 = torch.cdist(q, g).argmin(1)
    return (train_ds.targets[nn1] == test_ds.targets).float().mean().item()


print("recall@1 before", recall_at_1())
for epoch in range(epochs):
    model.train()
    losses = []
    for imgs, pids in train_loader:
        loss = criterion(model(imgs), pids)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    print(f"Epoch {epoch}: loss {np.mean(losses):.4f}, recall@1 {recall_at_1():.3f}")
writer.close()
