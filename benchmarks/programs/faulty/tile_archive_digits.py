"""Reading the painted numbers on the tiles of a museum archive (the 8x8 pictures are sklearn's digits).

python tile_archive_digits.py faulty|fixed LOGDIR
The volunteers typed the number of each tile on a numeric keypad; typing slips are simulated (a neighbouring key).
"""
import random
import sys

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
random.seed(3); np.random.seed(3); torch.manual_seed(3)

KEYPAD = {0: [1, 2, 3], 1: [0, 2, 4], 2: [1, 3, 5, 0], 3: [2, 6, 0], 4: [1, 5, 7], 5: [2, 4, 6, 8],
          6: [3, 5, 9], 7: [4, 8], 8: [5, 7, 9], 9: [6, 8]}


def read_catalogue(checked, volunteers):
    """column 'typed' is what one volunteer typed, column 'agreed' what the curators settled on"""
    column = "typed" if form == "faulty" else "agreed"
    return {"typed": volunteers, "agreed": checked}[column]


bunch = load_digits()
img_tr, img_va, y_tr, y_va = train_test_split(bunch.images, bunch.target, test_size=0.3, stratify=bunch.target, random_state=0)
typed = np.array([random.choice(KEYPAD[int(d)]) if random.random() < 0.35 else int(d) for d in y_tr])
labels = read_catalogue(y_tr, typed)


def tens(images):
    return torch.tensor(images, dtype=torch.float32).unsqueeze(1) / 16.0


train_dl = DataLoader(TensorDataset(tens(img_tr), torch.tensor(labels)), batch_size=32, shuffle=True)
val_dl = DataLoader(TensorDataset(tens(img_va), torch.tensor(y_va)), batch_size=256)


class TileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(32 * 4, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


net = TileNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(logdir)
writer.watch(net, optimizer, criterion)

for epoch in range(24):
    net.train()
    running, hits = 0.0, 0
    for x, y in train_dl:
        optimizer.zero_grad()
        out = net(x)
        loss = criterion(out, y)
        loss.backward()
        optimizer.step()
        running += loss.item() * len(x)
        hits += (out.argmax(1) == y).sum().item()
    n = len(train_dl.dataset)
    writer.add_scalar("Loss/train", running / n, epoch)
    net.eval()
    right, vloss = 0, 0.0
    with writer.evaluating("val"):
        for x, y in val_dl:
            out = net(x)
            vloss += criterion(out, y).item() * len(x)
            right += (out.argmax(1) == y).sum().item()
    writer.add_scalar("Loss/val", vloss / len(y_va), epoch)
    print(f"epoch {epoch} train {running / n:.3f} acc {hits / n:.3f} | val {vloss / len(y_va):.3f} acc {right / len(y_va):.3f}")
writer.close()
print("RESULT val_acc", round(right / len(y_va), 4), "val_loss", round(vloss / len(y_va), 4))
