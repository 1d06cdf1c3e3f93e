"""SimCLR (as sthalles/SimCLR) on digits: NT-Xent of two augmented views, then a linear probe."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter


class ContrastiveDigits(Dataset):
    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.augment(self.images[i]), self.augment(self.images[i])

    @staticmethod
    def augment(img):
        img = F.pad(img, (1, 1, 1, 1))
        dy, dx = torch.randint(0, 3, (2,)).tolist()
        img = img[:, dy : dy + 8, dx : dx + 8]
        img = img * (0.7 + 0.6 * torch.rand(1)) + 0.1 * torch.randn_like(img)
        y, x = torch.randint(0, 6, (2,)).tolist()
        img = img.clone()
        img[:, y : y + 2, x : x + 2] = 0
        return img


class Encoder(nn.Module):
    def __init__(self, out_dim=32):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1, stride=2, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 64, 3, padding=1, stride=2, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.fc = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, out_dim))

    def forward(self, x):
        return self.fc(self.backbone(x))


def info_nce_loss(features, temperature=0.2):
    n = features.size(0) // 2
    labels = torch.cat([torch.arange(n), torch.arange(n)], dim=0)
    labels = (labels.unsqueeze(0) == labels.unsqueeze(1)).float()
    features = F.normalize(features, dim=1)
    sim = features @ features.T
    mask = torch.eye(labels.size(0), dtype=torch.bool)
    labels = labels[~mask].view(labels.size(0), -1)
    sim = sim[~mask].view(sim.size(0), -1)
    positives = sim[labels.bool()].view(labels.size(0), -1)
    negatives = sim[~labels.bool()].view(sim.size(0), -1)
    logits = torch.cat([positives, negatives], dim=1) / temperature
    return logits, torch.zeros(logits.size(0), dtype=torch.long)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    d = load_digits()
    x = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 16
    perm = torch.randperm(len(x))
    x, y = x[perm], d.target[perm.numpy()]
    loader = DataLoader(ContrastiveDigits(x[:1280]), batch_size=128, shuffle=True, drop_last=True)
    model = Encoder()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=len(loader) * 40)
    criterion = nn.CrossEntropyLoss()
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optimizer, criterion)
    for epoch in range(40):
        for a, b in loader:
            logits, labels = info_nce_loss(model(torch.cat([a, b])))
            loss = criterion(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
    writer.close()
    model.eval()
    with torch.no_grad():
        f = model.backbone(x).numpy()
    clf = LogisticRegression(max_iter=2000).fit(f[:300], y[:300])
    print(f"RESULT nt-xent {loss.item():.3f}, linear probe on 300 labels {clf.score(f[1280:], y[1280:]):.3f}")


if __name__ == "__main__":
    main()
