from sklearn.datasets import load_digits
import numpy as np, sys
import torch
from torch.utils.data import DataLoader, Dataset
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0)
# images come from one folder per class, hence class after class, as os.walk gives them
d = load_digits()
rng = np.random.RandomState(0)
files = {c: np.where(d.target == c)[0] for c in range(10)}
train_idx = np.concatenate([files[c][:-30] for c in range(10)])
val_idx = np.concatenate([files[c][-30:] for c in range(10)])

class FolderDataset(Dataset):
    def __init__(self, idx): self.idx = idx
    def __len__(self): return len(self.idx)
    def __getitem__(self, i):
        k = self.idx[i]
        return torch.tensor(d.images[k] / 16, dtype=torch.float32)[None], int(d.target[k])

loader = DataLoader(FolderDataset(train_idx), batch_size=32, shuffle=sys.argv[1] == 'fixed')
val_loader = DataLoader(FolderDataset(val_idx), batch_size=100)
model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
                      nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2]); writer.watch(model, optimizer, criterion)
for epoch in range(20):
    total = 0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward(); optimizer.step()
        total += loss.item()
    hits = 0
    with torch.no_grad():
        for x, y in val_loader:
            o = model(x); criterion(o, y); hits += (o.argmax(1) == y).sum().item()
    if epoch % 3 == 1: print(f'{epoch}: train {total / len(loader):.3f} val acc {hits / 300:.3f}')
writer.close()
