# Noise2Noise (Lehtinen 2018): both input and target are noisy; loss can't fall below the target's noise variance
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(12)
SIGMA = 0.25


def scene(g):
    y, x = torch.meshgrid(torch.linspace(0, 1, 24), torch.linspace(0, 1, 24), indexing='ij')
    im = torch.full((24, 24), .3) + .3 * (torch.rand(1, generator=g) - .5) * x
    for _ in range(4):
        cx, cy, r, v = torch.rand(4, generator=g)
        im = torch.where(((x - cx) ** 2 + (y - cy) ** 2).sqrt() < .08 + .2 * r, v, im)
    return im[None]


class NoisyPairs(Dataset):
    def __init__(self, n, seed, clean_target=False):
        g = torch.Generator().manual_seed(seed)
        self.clean, self.clean_target = torch.stack([scene(g) for _ in range(n)]), clean_target

    def __len__(self):
        return len(self.clean)

    def __getitem__(self, i):
        c = self.clean[i]
        target = c if self.clean_target else c + SIGMA * torch.randn_like(c)
        return c + SIGMA * torch.randn_like(c) - .5, target - .5


class UNet(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        conv = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.LeakyReLU(.1))
        self.e1, self.e2, self.e3 = nn.Sequential(conv(1, c), conv(c, c)), conv(c, 2 * c), conv(2 * c, 2 * c)
        self.d2, self.d1, self.out = conv(4 * c, 2 * c), nn.Sequential(conv(3 * c, c), conv(c, c)), nn.Conv2d(c, 1, 3, padding=1)

    def forward(self, x):
        a = self.e1(x)
        b = self.e2(F.max_pool2d(a, 2))
        d = self.e3(F.max_pool2d(b, 2))
        d = self.d2(torch.cat([F.interpolate(d, scale_factor=2), b], 1))
        return self.out(self.d1(torch.cat([F.interpolate(d, scale_factor=2), a], 1)))


def main():
    train_loader = DataLoader(NoisyPairs(900, 1), batch_size=16, shuffle=True)
    valid_loader = DataLoader(NoisyPairs(150, 2), batch_size=50)
    clean_loader = DataLoader(NoisyPairs(150, 3, clean_target=True), batch_size=50)
    model = UNet()
    optim = torch.optim.Adam(model.parameters(), lr=0.001, betas=(0.9, 0.99), eps=1e-8)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optim, patience=2, factor=0.5)
    loss = nn.MSELoss()
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optim, loss)
    for epoch in range(7):
        model.train()
        tr = 0.
        for source, target in train_loader:
            l = loss(model(source), target)
            optim.zero_grad()
            l.backward()
            optim.step()
            tr += l.item() / len(train_loader)
        with writer.evaluating("val"):
            va = sum(loss(model(s), t).item() for s, t in valid_loader) / len(valid_loader)
        scheduler.step(va)
        print(f"Epoch {epoch + 1} train {tr:.5f} valid {va:.5f}")
    writer.close()
    with torch.no_grad():
        mse = sum(F.mse_loss(model(s), t).item() for s, t in clean_loader) / len(clean_loader)
    psnr = lambda m: -10 * torch.log10(torch.tensor(m)).item()
    print(f"RESULT train {tr:.4f} val {va:.4f} (noise floor {SIGMA ** 2:.4f}) PSNR against clean {psnr(mse):.1f} dB, noisy {psnr(SIGMA ** 2):.1f} dB")


if __name__ == '__main__':
    main()
