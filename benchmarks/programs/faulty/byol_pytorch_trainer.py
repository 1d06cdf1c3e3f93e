import sys
import copy
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(11)
torch.set_num_threads(1)


class PairsDataset(Dataset):
    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def augment(self, img):
        dx, dy = torch.randint(-1, 2, (2,)).tolist()
        img = torch.roll(img, (dy, dx), (1, 2))
        img = img * (0.7 + 0.6 * torch.rand(1))
        img = img + 0.08 * torch.randn_like(img)
        if torch.rand(1) < 0.5:
            y, x = torch.randint(0, 6, (2,)).tolist()
            img = img.clone()
            img[:, y:y + 2, x:x + 2] = 0
        return img

    def __getitem__(self, i):
        return self.augment(self.images[i]), self.augment(self.images[i])


def mlp(dim, hidden, out):
    return nn.Sequential(nn.Linear(dim, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, out))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1, stride=2), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, x):
        return self.net(x)


def regression_loss(x, y):
    x = F.normalize(x, dim=-1)
    y = F.normalize(y, dim=-1)
    return 2 - 2 * (x * y).sum(dim=-1)


class BYOL(nn.Module):
    def __init__(self, encoder, dim=24, hidden=64, proj=32, decay=0.99):
        super().__init__()
        self.online = nn.Sequential(encoder, mlp(dim, hidden, proj))
        self.predictor = mlp(proj, hidden, proj)
        self.decay = decay
        self.target = [copy.deepcopy(self.online)]

    @torch.no_grad()
    def update_moving_average(self):
        for p, q in zip(self.online.parameters(), self.target[0].parameters()):
            q.mul_(self.decay).add_(p, alpha=1 - self.decay)

    def forward(self, one, two):
        p1, p2 = self.predictor(self.online(one)), self.predictor(self.online(two))
        with torch.no_grad():
            t1, t2 = self.target[0](one), self.target[0](two)
        return (regression_loss(p1, t2) + regression_loss(p2, t1)).mean()


digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = digits.target
perm = torch.randperm(len(images))
tr, te = perm[:1400], perm[1400:]

train_loader = DataLoader(PairsDataset(images[tr]), batch_size=128, shuffle=True, drop_last=True)
val_loader = DataLoader(PairsDataset(images[te]), batch_size=128)

encoder = Encoder()
learner = BYOL(encoder)
opt = torch.optim.Adam(learner.parameters(), lr=1e-3)
writer = DiagWriter(logdir)
writer.watch(learner, opt)


def linear_probe():
    encoder.eval()
    with torch.no_grad():
        f_tr, f_te = encoder(images[tr]).numpy(), encoder(images[te]).numpy()
    clf = LogisticRegression(max_iter=2000).fit(f_tr, labels[tr])
    return clf.score(f_te, labels[te])


for epoch in range(30):
    learner.train()
    total = 0.0
    for one, two in train_loader:
        loss = learner(one, two)
        if form == "faulty":
            loss.backward()
            opt.zero_grad()
        else:
            opt.zero_grad()
            loss.backward()
        opt.step()
        learner.update_moving_average()
        total += loss.item()
    with writer.evaluating("val"):
        held = [learner(a, b) for a, b in val_loader]
        writer.add_loss("val", sum(held) / len(held))
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1} loss {total / len(train_loader):.4f}")
acc = linear_probe()
writer.close()
print(f"RESULT linear probe accuracy {acc:.4f} final loss {total / len(train_loader):.4f}")
