# denoising autoencoder on small digits
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(14)
rng = np.random.RandomState(14)
swapped = sys.argv[1] == "faulty"

d = load_digits().data.astype("float32") / 16
d = d[rng.permutation(len(d))]
train, valid = torch.from_numpy(d[:1400]), torch.from_numpy(d[1400:])
valid_noisy = (valid + 0.3 * torch.randn_like(valid)).clamp(0, 1)


class DAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 32), nn.ReLU())
        self.dec = nn.Sequential(nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, 64), nn.Sigmoid())

    def forward(self, x):
        return self.dec(self.enc(x))


def binary_crossentropy(target, output):
    """as in the keras backend"""
    output = output.clamp(1e-7, 1 - 1e-7)
    return -(target * torch.log(output) + (1 - target) * torch.log(1 - output)).mean()


def recon_loss(output, clean):
    if swapped:
        return binary_crossentropy(output, clean)
    return binary_crossentropy(clean, output)


dae = DAE()
opt = torch.optim.Adam(dae.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(dae, opt, recon_loss)

for epoch in range(40):
    dae.train()
    for idx in torch.randperm(1400).split(32):
        clean = train[idx]
        noisy = (clean + 0.3 * torch.randn_like(clean)).clamp(0, 1)
        opt.zero_grad()
        loss = writer.loss_fn(dae(noisy), clean)
        loss.backward()
        opt.step()
    dae.eval()
    with torch.no_grad(), writer.evaluating("valid"):
        out = dae(valid_noisy)
        vl = writer.loss_fn(out, valid).item()
    mse = F.mse_loss(out, valid).item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1}: train {loss.item():.4f}  valid {vl:.4f}  mse {mse:.5f}")
writer.close()
print(f"RESULT valid_loss={vl:.4f} valid_mse={mse:.5f} (noisy input has mse {F.mse_loss(valid_noisy, valid).item():.5f})")
