"""Environmental sounds: classifier head on frozen audio embeddings (64-d), clips listed in ESC's meta csv."""
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(44); torch.manual_seed(44)
CATS = ["dog", "rain", "clock_tick", "crackling_fire", "helicopter", "rooster", "sea_waves", "sneezing", "chainsaw", "crying_baby"]

# meta csv of the corpus as distributed: sorted by target
proto = np.random.normal(0, 1, (10, 3, 64)) * .55            # three kinds of each sound
rows = [{"filename": f"{k}-{i}.wav", "category": CATS[k], "target": k} for k in range(10) for i in range(400)]
meta = pd.DataFrame(rows)
sub = np.random.randint(0, 3, len(meta))
emb = proto[meta.target, sub] + np.random.normal(0, .9, (len(meta), 64))
bg = np.random.rand(len(meta)) < .15                           # another sound in the background
emb[bg] += .8 * proto[np.random.randint(0, 10, bg.sum()), 0]
emb = np.maximum(emb, 0).astype(np.float32)                   # embeddings come after a ReLU

train_idx, val_idx = train_test_split(np.arange(len(meta)), test_size=.2, stratify=meta.target, random_state=1)
train_idx, val_idx = np.sort(train_idx), np.sort(val_idx)       # keep csv order
mean, std = emb[train_idx].mean(0), emb[train_idx].std(0)


class ESCEmbeddings(Dataset):
    def __init__(self, indices):
        self.indices = indices

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, k):
        i = self.indices[k]
        return torch.from_numpy((emb[i] - mean) / std), int(meta.target.iloc[i])


trainset, valset = ESCEmbeddings(train_idx), ESCEmbeddings(val_idx)
if sys.argv[1] == "faulty":
    train_loader = DataLoader(trainset, batch_size=32)
else:
    train_loader = DataLoader(trainset, batch_size=32, shuffle=True)
val_loader = DataLoader(valset, batch_size=128)

head = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Dropout(.3), nn.Linear(48, 10))
optimizer = torch.optim.Adam(head.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(head, optimizer, criterion)
for epoch in range(8):
    head.train()
    run = 0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(head(x), y)
        loss.backward()
        optimizer.step()
        run += loss.item()
    head.eval()
    tot = hit = 0
    with torch.no_grad(), writer.evaluating("val"):
        for x, y in val_loader:
            out = head(x)
            tot += criterion(out, y).item() * len(y)
            hit += (out.argmax(1) == y).sum().item()
    print("epoch %d  train %.4f  val %.4f  acc %.3f" % (epoch, run / len(train_loader), tot / len(valset), hit / len(valset)))
writer.close()
print(f"RESULT train_loss {run / len(train_loader):.4f} val_loss {tot / len(valset):.4f} val_acc {hit / len(valset):.4f}")
