"""Denoising autoencoder on digits, StepLR meant to be stepped once per epoch."""
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(3)

x = torch.tensor(load_digits().data, dtype=torch.float32).view(-1, 1, 8, 8) / 16
perm = torch.randperm(len(x))
train, val = x[perm[:1500]], x[perm[1500:]]
loader = DataLoader(TensorDataset(train), batch_size=32, shuffle=True)
epochs = 24


class Denoiser(nn.Module):
    def __init__(self, ch=16):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(1, ch, 3, padding=1), nn.ReLU(), nn.Conv2d(ch, ch, 3, stride=2, padding=1), nn.ReLU())
        self.dec = nn.Sequential(nn.ConvTranspose2d(ch, ch, 2, stride=2), nn.ReLU(), nn.Conv2d(ch, 1, 3, padding=1))

    def forward(self, z):
        return self.dec(self.enc(z))


net = Denoiser()
criterion = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.StepLR(opt, step_size=epochs // 2, gamma=0.1)
writer = DiagWriter(logdir)
writer.watch(net, opt, criterion)
g = torch.Generator().manual_seed(0)
val_noisy = val + 0.3 * torch.randn(val.shape, generator=g)
for epoch in range(epochs):
    net.train()
    tot = 0.0
    for (clean,) in loader:
        noisy = clean + 0.3 * torch.randn_like(clean)
        opt.zero_grad()
        loss = criterion(net(noisy), clean)
        loss.backward()
        opt.step()
        tot += loss.item()
        if mode == "faulty":
            scheduler.step()
    if mode == "fixed":
        scheduler.step()
    net.eval()
    with writer.evaluating("val"):
        vl = criterion(net(val_noisy), val).item()
    print(f"epoch {epoch} train {tot/len(loader):.4f} val {vl:.4f} lr {opt.param_groups[0]['lr']:.2e}")
writer.close()
