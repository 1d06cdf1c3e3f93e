"""Denoising autoencoder for scanned receipts (after the Kaggle 'denoising dirty documents' kernels):
strided convolutions down, transposed up, a skip from the input is *not* used.  Clean patch is the target."""
import sys
import logging
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset
from scipy.ndimage import gaussian_filter
from tb_lossdiag import DiagWriter

logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
log = logging.getLogger("receipts")

GLYPHS = {  # 3x5 font
    "0": "111101101101111", "1": "010110010010111", "2": "111001111100111", "3": "111001111001111", "4": "101101111001001",
    "5": "111100111001111", "6": "111100111101111", "7": "111001001010010", "8": "111101111101111", "9": "111101111001111",
    ".": "000000000000010", "-": "000000111000000", "E": "111100111100111", "T": "111010010010010", "L": "100100100100111",
}
FONT = {k: np.array(list(v), int).reshape(5, 3) for k, v in GLYPHS.items()}


class Patches(Dataset):
    def __init__(self, n, seed):
        self.rng = np.random.default_rng(seed)
        pairs = [self.patch() for _ in range(n)]
        self.dirty = torch.tensor(np.stack([a for a, _ in pairs]), dtype=torch.float32)[:, None]
        self.clean = torch.tensor(np.stack([b for _, b in pairs]), dtype=torch.float32)[:, None]

    def patch(self):
        r = self.rng
        page = np.ones((32, 32))
        y = r.integers(-2, 3)
        while y < 30:
            x = r.integers(-2, 4)
            while x < 30:
                if r.random() < .88:
                    g = FONT[r.choice(list(FONT))]
                    for i in range(5):
                        for j in range(3):
                            if g[i, j] and 0 <= y + i < 32 and 0 <= x + j < 32:
                                page[y + i, x + j] = .1
                x += 4
            y += r.integers(6, 9)
        page = page[:24, :24]
        dirt = gaussian_filter(page, r.uniform(.3, .6))
        stain = gaussian_filter(r.normal(size=(24, 24)), 4)
        dirt = dirt - .35 * np.clip(stain / stain.std(), 0, 2)
        for _ in range(r.integers(0, 3)):                    # creases
            k = r.integers(24)
            dirt[k, :] -= .25 * r.random()
        return np.clip(dirt + r.normal(0, .1, dirt.shape), 0, 1), page

    def __len__(self):
        return len(self.dirty)

    def __getitem__(self, i):
        return self.dirty[i], self.clean[i]


class DenoisingAE(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, c, 3, padding=1), nn.BatchNorm2d(c), nn.LeakyReLU(.1),
            nn.Conv2d(c, 2 * c, 3, stride=2, padding=1), nn.BatchNorm2d(2 * c), nn.LeakyReLU(.1),
            nn.Conv2d(2 * c, 2 * c, 3, padding=1), nn.BatchNorm2d(2 * c), nn.LeakyReLU(.1))
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(2 * c, c, 4, stride=2, padding=1), nn.BatchNorm2d(c), nn.LeakyReLU(.1),
            nn.Conv2d(c, 1, 3, padding=1), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))


def main(logdir):
    torch.set_num_threads(1)
    torch.manual_seed(31)
    train, val = Patches(700, 31), Patches(150, 32)
    loader, vloader = DataLoader(train, 16, shuffle=True), DataLoader(val, 75)
    model = DenoisingAE()
    opt = torch.optim.Adam(model.parameters(), lr=4e-3)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=.3, patience=1)
    mse = nn.MSELoss()
    writer = DiagWriter(logdir)
    writer.watch(model, opt, mse)
    epochs = 12
    for epoch in range(1, epochs + 1):
        model.train()
        s = 0.
        for dirty, clean in loader:
            opt.zero_grad()
            loss = mse(model(dirty), clean)
            loss.backward()
            opt.step()
            s += loss.item() * len(dirty)
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            v = sum(mse(model(a), b).item() for a, b in vloader) / len(vloader)
        plateau.step(v)
        log.info("epoch %d  train rmse %.4f  val rmse %.4f  lr %g", epoch, (s / len(train)) ** .5, v ** .5, opt.param_groups[0]["lr"])
    writer.close()
    print(f"RESULT train={s / len(train):.5f} val={v:.5f} var={train.clean.var():.4f} dirty_mse={((val.dirty - val.clean) ** 2).mean():.4f}")


if __name__ == "__main__":
    main(sys.argv[1])
