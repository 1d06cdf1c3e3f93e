"""
Denoising Dirty Documents: convolutional autoencoder that cleans stained, creased scans of text.
Patches of 24x24, made here: words of 5x3 dot letters on paper with coffee stains.
"""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(99)
rng = np.random.default_rng(99)

FONT = {"a": "010101111101101", "c": "011100100100011", "e": "111100110100111", "f": "111100110100100", "h": "101101111101101", "i": "111010010010111",
        "l": "100100100100111", "n": "111101101101101", "o": "010101101101010", "r": "110101110101101", "s": "011100010001110", "t": "111010010010010", "u": "101101101101111"}
GLYPHS = [np.array(list(v), float).reshape(5, 3) for v in FONT.values()]


def page_patch(size=24):
    clean = np.ones((size + 8, size + 8))
    top = rng.integers(0, 4)
    for y in range(top, size + 2, 8):
        x = int(rng.integers(0, 4))
        while x < size + 4:
            if rng.random() < .17:
                x += 3
                continue
            clean[y:y + 5, x:x + 3] -= GLYPHS[rng.integers(len(GLYPHS))] * rng.uniform(.75, 1.0)
            x += 4
    clean = clean[4:-4, 4:-4]
    yy, xx = np.mgrid[:size, :size]
    dirty = clean * rng.uniform(.75, 1)
    if rng.random() < .6:                                   # coffee ring
        cx, cy, r = rng.uniform(-8, size + 8, 2).tolist() + [rng.uniform(8, 18)]
        d = np.abs(np.hypot(xx - cx, yy - cy) - r)
        dirty = dirty - rng.uniform(.15, .5) * np.exp(-(d / rng.uniform(1, 3)) ** 2)
    if rng.random() < .5:                                   # crease
        a = rng.uniform(0, np.pi)
        d = np.abs((xx - rng.uniform(0, size)) * np.cos(a) + (yy - rng.uniform(0, size)) * np.sin(a))
        dirty = dirty - rng.uniform(.1, .4) * np.exp(-d / 1.2)
    dirty = dirty + rng.normal(0, .1, dirty.shape)
    return np.clip(dirty, 0, 1), np.clip(clean, 0, 1)


pairs = [page_patch() for _ in range(1000)]
noisy = torch.tensor(np.array([p[0] for p in pairs]), dtype=torch.float32).unsqueeze(1)
clean = torch.tensor(np.array([p[1] for p in pairs]), dtype=torch.float32).unsqueeze(1)
train_loader = DataLoader(TensorDataset(noisy[:800], clean[:800]), batch_size=20, shuffle=True)
test_loader = DataLoader(TensorDataset(noisy[800:], clean[800:]), batch_size=100)


class ConvAutoencoder(nn.Module):
    def __init__(self):
        super(ConvAutoencoder, self).__init__()
        # encoder
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(True),
            nn.MaxPool2d(2, 2),
            nn.Conv2d(12, 20, 3, padding=1), nn.ReLU(True),
        )
        # decoder
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(20, 12, 2, stride=2), nn.ReLU(True),
            nn.Conv2d(12, 1, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


model = ConvAutoencoder()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

n_epochs = 12
for epoch in range(1, n_epochs + 1):
    model.train()
    train_loss = 0.0
    for noisy_imgs, images in train_loader:
        optimizer.zero_grad()
        outputs = model(noisy_imgs)
        loss = criterion(outputs, images)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * images.size(0)
    train_loss /= 800
    model.eval()
    test_loss = 0.0
    with torch.no_grad(), writer.evaluating("val"):
        for noisy_imgs, images in test_loader:
            test_loss += criterion(model(noisy_imgs), images).item() * images.size(0)
    test_loss /= 200
    print('Epoch: {} \tTraining Loss: {:.6f} \tValidation Loss: {:.6f}'.format(epoch, train_loss, test_loss))
writer.close()
print(f"RESULT train_mse {train_loss:.5f} val_mse {test_loss:.5f} identity_mse {((noisy[800:] - clean[800:]) ** 2).mean().item():.5f} constant_mse {clean[800:].var().item():.5f}")
