# VAE on digits with sum reduction (losses of tens per image), KL annealed over the first epochs
import sys
import torch
import torch.nn.functional as F
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(2)
X = torch.tensor(load_digits().data / 16, dtype=torch.float32)[torch.randperm(1797)]
xt, xv = X[:1500], X[1500:]


class VAE(nn.Module):
    def __init__(self, z=6):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 2 * z))
        self.dec = nn.Sequential(nn.Linear(z, 64), nn.ReLU(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64))

    def forward(self, x):
        mu, lv = self.enc(x).chunk(2, 1)
        return self.dec(mu + torch.randn_like(mu) * (0.5 * lv).exp()), mu, lv


def elbo(logits, x, mu, lv, beta):
    rec = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
    kl = 0.5 * (mu ** 2 + lv.exp() - 1 - lv).sum(1)
    return (rec + beta * kl).mean()


vae = VAE(); opt = torch.optim.Adam(vae.parameters(), 2e-3)
writer = DiagWriter(sys.argv[1]); writer.watch(vae, opt, elbo)
for epoch in range(40):
    beta = min(1.0, (epoch + 1) / 8)
    vae.train()
    for b in torch.randperm(1500).split(50):
        loss = writer.loss_fn(*((lambda o: (o[0], xt[b], o[1], o[2], beta))(vae(xt[b]))))
        opt.zero_grad(); loss.backward(); opt.step()
    with writer.evaluating("val"):
        o, mu, lv = vae(xv); v = writer.loss_fn(o, xv, mu, lv, 1.0)
    if epoch % 5 == 4: print(epoch, "train %.3f val %.3f mse %.4f of %.4f" % (loss, v, F.mse_loss(o.sigmoid(), xv), xv.var(0).mean()))
writer.close()
