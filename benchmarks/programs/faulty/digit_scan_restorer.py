"""Remove scanner noise from 8x8 digits (scikit-learn digits, 0..1) with a small fully connected restorer; sigma = 0.3."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1:3]
SIGMA, EPOCHS = 0.3, 120
torch.manual_seed(0)
torch.set_num_threads(1)


class NoisyScans(Dataset):
    def __init__(self, clean, cache):
        self.clean = clean
        self.noisy = clean + SIGMA * torch.randn_like(clean) if cache else None

    def __len__(self):
        return len(self.clean)

    def __getitem__(self, i):
        y = self.clean[i]
        if self.noisy is not None:
            return self.noisy[i], y
        return y + SIGMA * torch.randn_like(y), y


images = torch.tensor(load_digits().data / 16, dtype=torch.float32)
images = images[torch.randperm(len(images), generator=torch.Generator().manual_seed(8))]
train_set = NoisyScans(images[:700], cache=FORM == "faulty")
val_set = NoisyScans(images[1000:1300], cache=True)
test_set = NoisyScans(images[1300:], cache=True)
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)
test_loader = DataLoader(test_set, batch_size=100)

model = nn.Sequential(
    nn.Linear(64, 256), nn.ReLU(),
    nn.Linear(256, 256), nn.ReLU(),
    nn.Linear(256, 64))
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion)
for epoch in range(EPOCHS):
    model.train()
    for noisy, clean in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(noisy), clean)
        loss.backward()
        optimizer.step()
    if epoch % 4 == 3:
        with writer.evaluating("val"):
            vl = [criterion(model(a), b).item() for a, b in val_loader]
        print(epoch, "train", loss.item(), "val", np.mean(vl))
model.eval()
with torch.no_grad():
    mse = np.mean([criterion(model(a), b).item() for a, b in test_loader])
writer.close()
print(f"RESULT test_mse {mse:.5f} test_psnr_db {-10 * np.log10(mse):.3f}")
