# MMD-VAE / InfoVAE (ShengjiaZhao/MMD-Variational-Autoencoder, pytorch port by napsternxg): reconstruction MSE + MMD of the codes against N(0, I), Adam 1e-3
import sys
import torch
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)

def compute_kernel(x, y):
    d = x.size(1)
    return torch.exp(-((x[:, None] - y[None]) ** 2).mean(2) / float(d))

def compute_mmd(x, y):
    return compute_kernel(x, x).mean() + compute_kernel(y, y).mean() - 2 * compute_kernel(x, y).mean()

class Model(nn.Module):
    def __init__(self, z_dim=6, nf=24):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, nf, 3, 2, 1), nn.LeakyReLU(.1), nn.Conv2d(nf, 2 * nf, 3, 2, 1), nn.LeakyReLU(.1), nn.Flatten(), nn.Linear(8 * nf, 96), nn.LeakyReLU(.1), nn.Linear(96, z_dim))
        self.decoder = nn.Sequential(nn.Linear(z_dim, 96), nn.ReLU(), nn.Linear(96, 8 * nf), nn.ReLU(), nn.Unflatten(1, (2 * nf, 2, 2)),
                                     nn.ConvTranspose2d(2 * nf, nf, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(nf, 1, 4, 2, 1), nn.Sigmoid())
    def forward(self, x):
        z = self.encoder(x)
        return z, self.decoder(z)

def vae_loss(out, x):
    z, recon = out
    true_samples = torch.randn(200, z.size(1))
    mmd = compute_mmd(true_samples, z)
    nll = (recon - x).pow(2).mean()
    return nll + mmd

imgs = torch.tensor(load_digits().images / 16., dtype=torch.float32)[:, None]
perm = torch.randperm(len(imgs)); train, val = imgs[perm[:1500]], imgs[perm[1500:]]
model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[1]); writer.watch(model, optimizer, vae_loss)
for epoch in range(50):
    model.train()
    for idx in torch.randperm(len(train)).split(50):
        x = train[idx]
        optimizer.zero_grad(); loss = vae_loss(model(x), x); loss.backward(); optimizer.step()
    if epoch % 5 == 4:
        with writer.evaluating("val"):
            out = model(val); vl = writer.loss_fn(out, val).item()
        print(epoch, f"{loss.item():.4f} val {vl:.4f}")
writer.close()
with torch.no_grad():
    z, r = model(val)
    tr = (model(train)[1] - train).pow(2).mean().item()
print(f"RESULT val {vl:.4f} val_mse {(r - val).pow(2).mean().item():.4f} train_mse {tr:.4f} mean_image_mse {(train.mean(0) - val).pow(2).mean().item():.4f} code std {z.std(0).mean().item():.2f}")
