"""Bird-call species from raw audio: learnable filterbank front end, encoder, pooling, classifier (brain-class style modules dict)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.manual_seed(0)


def calls(n, seed, L=800, species=8):
    """species differ in two close carrier frequencies; level, onset and noise vary"""
    rng = np.random.RandomState(seed)
    carrier = np.linspace(0.10, 0.16, species)
    y = rng.randint(0, species, n)
    t = np.arange(L)
    f = carrier[y][:, None] * rng.normal(1, 0.006, (n, 1))
    env = np.exp(-((t - rng.uniform(250, 550, (n, 1))) / rng.uniform(80, 160, (n, 1))) ** 2)
    x = env * np.sin(2 * np.pi * f * t + rng.uniform(0, 6, (n, 1))) * rng.uniform(0.5, 1.5, (n, 1)) + 0.8 * rng.randn(n, L)
    return torch.tensor(x).float(), torch.from_numpy(y)


class LearnableFbank(nn.Module):
    def __init__(self, n_filters=8, kernel=64):
        super().__init__()
        self.conv = nn.Conv1d(1, n_filters, kernel, stride=8, bias=False)

    def forward(self, wav):
        p = self.conv(wav.unsqueeze(1)).pow(2)
        return torch.log(nn.functional.avg_pool1d(p, 8, 4) + 1e-3)


class Encoder(nn.Module):
    def __init__(self, i, h=32):
        super().__init__()
        self.net = nn.Sequential(nn.Conv1d(i, h, 3, padding=1), nn.BatchNorm1d(h), nn.ReLU(),
                                 nn.Conv1d(h, h, 3, padding=1), nn.BatchNorm1d(h), nn.ReLU())

    def forward(self, feats):
        z = self.net(feats)
        return torch.cat([z.mean(2), z.amax(2)], 1)


class SpeciesBrain:
    def __init__(self, modules, lr):
        self.modules = nn.ModuleDict(modules)
        self.optimizer = torch.optim.Adam(self.modules.parameters(), lr=lr)
        self.criterion = nn.CrossEntropyLoss()
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.modules, self.optimizer)

    def compute_forward(self, wavs):
        feats = self.modules["fbank"](wavs)
        if form == "faulty":
            x = self.modules["enc"](feats.detach())
        else:
            x = self.modules["enc"](feats)
        return self.modules["classifier"](x)

    def fit_batch(self, wavs, lab):
        loss = self.criterion(self.compute_forward(wavs), lab)
        self.writer.add_loss("train", loss)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def fit(self, train, valid, epochs):
        for e in range(epochs):
            self.modules.train()
            tl = np.mean([self.fit_batch(w, l) for w, l in train])
            self.modules.eval()
            with torch.no_grad():
                out = self.compute_forward(valid[0])
            print(f"epoch {e + 1}: train loss {tl:.3f}  valid loss {self.criterion(out, valid[1]):.3f}  valid error {(out.argmax(1) != valid[1]).float().mean():.3f}")
        self.writer.close()


train = DataLoader(TensorDataset(*calls(1200, 1)), batch_size=32, shuffle=True)
brain = SpeciesBrain({"fbank": LearnableFbank(4), "enc": Encoder(4), "classifier": nn.Linear(64, 8)}, lr=3e-3)
brain.fit(train, calls(400, 2), epochs=12)
