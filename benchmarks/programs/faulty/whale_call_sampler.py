# Whale call detector on spectrogram patches (binary, few calls). Balanced sampling of the training set.
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler
from sklearn.metrics import roc_auc_score, f1_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2022)
np.random.seed(2022)


def spectrogram(call):
    F_, T = 24, 32
    s = np.random.gamma(2., .5, (F_, T))
    s += np.exp(-np.linspace(0, 3, F_))[:, None] * np.random.uniform(0, 2)          # ship noise at the bottom
    if np.random.rand() < .5:                                                       # broadband clicks, any class
        s[:, np.random.randint(T)] += np.random.uniform(1, 3)
    t = np.arange(T)
    if call:
        f0, slope = np.random.uniform(4, 10), np.random.uniform(.15, .45)           # up-call
        amp = np.random.uniform(.35, 1.9)
    elif np.random.rand() < .35:
        f0, slope = np.random.uniform(12, 20), -np.random.uniform(.15, .45)         # other species: down-sweeps
        amp = np.random.uniform(.35, 1.9)
    else:
        return np.log1p(s)
    start, length = np.random.randint(2, 12), np.random.randint(10, 20)
    for k in range(start, min(T, start + length)):
        f = f0 + slope * (k - start)
        s[:, k] += amp * np.exp(-.5 * ((np.arange(F_) - f) / .8) ** 2)
    return np.log1p(s)


def make(n, p=.12):
    y = (np.random.rand(n) < p).astype(int)
    X = np.stack([spectrogram(c) for c in y]).astype(np.float32)
    return X, y


Xtr, ytr = make(2200)
Xva, yva = make(600)
mu, sd = Xtr.mean(), Xtr.std()
train_dataset = TensorDataset(torch.tensor((Xtr - mu) / sd)[:, None], torch.tensor(ytr))
val_dataset = TensorDataset(torch.tensor((Xva - mu) / sd)[:, None], torch.tensor(yva))

# class balancing
counts = np.bincount(ytr)
class_weights = 1. / counts
if sys.argv[1] == "faulty":
    sampler = WeightedRandomSampler(weights=class_weights, num_samples=len(train_dataset), replacement=True)
else:
    samples_weight = class_weights[ytr]
    sampler = WeightedRandomSampler(weights=samples_weight, num_samples=len(train_dataset), replacement=True)
train_dataloader = DataLoader(train_dataset, batch_size=32, sampler=sampler)
val_dataloader = DataLoader(val_dataset, batch_size=200)


class CallNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(1))
        self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(.2), nn.Linear(16, 2))

    def forward(self, x):
        return self.classifier(self.features(x))


model = CallNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2.5e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

for epoch in range(6):
    model.train()
    for it, (audio, label) in enumerate(train_dataloader):
        optimizer.zero_grad()
        estimated_label = model(audio)
        loss = criterion(estimated_label, label)
        loss.backward()
        optimizer.step()
    model.eval()
    prob, vloss = [], 0
    with torch.no_grad(), writer.evaluating("val"):
        for audio, label in val_dataloader:
            out = model(audio)
            vloss += criterion(out, label).item() / len(val_dataloader)
            prob.append(out.softmax(1)[:, 1])
    prob = torch.cat(prob).numpy()
    auc, f1 = roc_auc_score(yva, prob), f1_score(yva, prob > .5)
    print(f"epoch {epoch + 1}  last train loss {loss.item():.4f}  val loss {vloss:.4f}  auc {auc:.3f}  f1 {f1:.3f}")
writer.close()
print(f"RESULT val_loss={vloss:.4f} auc={auc:.4f} f1={f1:.4f}")
