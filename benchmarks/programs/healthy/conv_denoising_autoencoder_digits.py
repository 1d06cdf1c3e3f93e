"""keras blog 'Building autoencoders': convolutional denoising autoencoder, here on scikit-learn's digits (16x16)."""
import sys
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
img = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 16.
img = F.interpolate(img, size=16, mode='bilinear', align_corners=False)
perm = torch.randperm(len(img))
x_test, x_train = img[perm[:300]], img[perm[300:]]
noise_factor = 0.4


def noisy(x, g=None):
    return (x + noise_factor * torch.randn(x.shape, generator=g)).clamp(0., 1.)


x_test_noisy = noisy(x_test, torch.Generator().manual_seed(9))
encoder = nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                        nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
decoder = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
                        nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
                        nn.Conv2d(32, 1, 3, padding=1), nn.Sigmoid())
autoencoder = nn.Sequential(encoder, decoder)
opt = torch.optim.Adam(autoencoder.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(autoencoder, opt, F.binary_cross_entropy)

for epoch in range(25):
    autoencoder.train()
    s = 0.
    for b in torch.randperm(len(x_train)).split(64):
        clean = x_train[b]
        out = autoencoder(noisy(clean))           # new noise each time
        loss = F.binary_cross_entropy(out, clean)
        opt.zero_grad()
        loss.backward()
        opt.step()
        s += loss.item() * len(b)
    autoencoder.eval()
    with writer.evaluating("val"):
        out = autoencoder(x_test_noisy)
        v = F.binary_cross_entropy(out, x_test).item()
    print(f"Epoch {epoch + 1}/25 loss: {s / len(x_train):.4f} val_loss: {v:.4f}")
writer.close()
mse0 = F.mse_loss(x_test_noisy, x_test).item()
print(f"RESULT loss={s / len(x_train):.4f} val_loss={v:.4f} floor={F.binary_cross_entropy(x_test, x_test).item():.4f} mse={F.mse_loss(out, x_test).item():.4f} noisy_mse={mse0:.4f}")
