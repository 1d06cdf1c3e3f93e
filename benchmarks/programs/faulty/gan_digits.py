import sys
import torch, torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
latent_dim, img_dim, bs = 16, 64, 64
# Normalize((0.5,), (0.5,)): images in [-1, 1]
real = (torch.tensor(load_digits().data / 16.0, dtype=torch.float32) - 0.5) / 0.5
loader = DataLoader(real, batch_size=bs, shuffle=True, drop_last=True)

class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(latent_dim, 128), nn.LeakyReLU(0.2),
            nn.Linear(128, 128), nn.LeakyReLU(0.2),
            nn.Linear(128, img_dim),
            nn.Sigmoid() if sys.argv[1] == "faulty" else nn.Tanh())
    def forward(self, z):
        return self.net(z)

class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(img_dim, 128), nn.LeakyReLU(0.2), nn.Dropout(0.3),
            nn.Linear(128, 64), nn.LeakyReLU(0.2), nn.Dropout(0.3),
            nn.Linear(64, 1))
    def forward(self, x):
        return self.net(x)

G, D = Generator(), Discriminator()
crit_g, crit_d = nn.BCEWithLogitsLoss(), nn.BCEWithLogitsLoss()
opt_G = torch.optim.Adam(G.parameters(), lr=3e-4, betas=(0.5, 0.999))
opt_D = torch.optim.Adam(D.parameters(), lr=3e-4, betas=(0.5, 0.999))
writer = DiagWriter(sys.argv[2])
writer.watch(G, opt_G, name="generator")
writer.watch(D, opt_D, name="discriminator")

def nn_dist(a, b):
    return torch.cdist(a, b).min(0)[0].mean().item()

for epoch in range(60):
    for x in loader:
        z = torch.randn(bs, latent_dim)
        fake = G(z)
        d_loss = (crit_d(D(x), torch.full((bs, 1), 0.9)) + crit_d(D(fake.detach()), torch.zeros(bs, 1))) / 2
        opt_D.zero_grad()
        d_loss.backward()
        writer.add_loss("train", d_loss, name="discriminator")
        opt_D.step()
        g_loss = crit_g(D(fake), torch.ones(bs, 1))
        opt_G.zero_grad()
        g_loss.backward()
        writer.add_loss("train", g_loss, name="generator")
        opt_G.step()
    if epoch % 10 == 9:
        with torch.no_grad():
            s = G(torch.randn(500, latent_dim))
        print(epoch, "D %.3f G %.3f  pixel mean real %.2f fake %.2f, distance to nearest fake %.2f"
              % (d_loss.item(), g_loss.item(), real.mean(), s.mean(), nn_dist(s, real[:400])))
writer.close()
print("RESULT D %.3f G %.3f nearest-fake distance %.3f" % (d_loss.item(), g_loss.item(), nn_dist(s, real[:400])))
