"""Which notes sound? Multi-label spectra, a LightningModule-like class without Lightning."""
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def spectra(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = (torch.rand(n, 8, generator=g) < 0.35).float()
    bins = torch.arange(64.)
    base = torch.stack([sum(torch.exp(-(bins - (4 + 2.3 * k) * h) ** 2 / 1.5) / h for h in (1, 2, 3)) for k in range(8)])
    amp = y * (0.4 + torch.rand(n, 8, generator=g))
    return amp @ base + 0.15 * torch.randn(n, 64, generator=g), y


class NoteTagger(nn.Module):
    def __init__(self, mode):
        super().__init__()
        last = nn.Softmax(dim=1) if mode == "faulty" else nn.Sigmoid()
        self.net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8), last)
        self.loss = nn.BCELoss()

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch):
        x, y = batch
        return self.loss(self(x), y)

    def validation_step(self, batch):
        x, y = batch
        p = self(x)
        return self.loss(p, y).item(), ((p > 0.5) == (y > 0.5)).all(1).float().mean().item()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def fit(model, train_dl, val_dl, epochs, logdir):
    opt = model.configure_optimizers()
    writer = DiagWriter(logdir)
    writer.watch(model, opt, model.loss)
    for e in range(epochs):
        model.train()
        for batch in train_dl:
            opt.zero_grad()
            loss = model.training_step(batch)
            loss.backward()
            opt.step()
        with writer.evaluating("val"):
            r = [model.validation_step(b) for b in val_dl]
        if e % 3 == 2:
            print(f"epoch {e} train {loss.item():.4f} val {sum(a for a, _ in r) / len(r):.4f} exact {sum(b for _, b in r) / len(r):.3f}")
    writer.close()


if __name__ == "__main__":
    torch.manual_seed(11)
    fit(NoteTagger(sys.argv[1]), DataLoader(TensorDataset(*spectra(2000, 1)), 32, shuffle=True), DataLoader(TensorDataset(*spectra(500, 2)), 100), 18, sys.argv[2])
