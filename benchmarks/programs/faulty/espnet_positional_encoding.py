"""Small port of an ESPnet style transformer encoder (conv2d subsampling + positional
encoding + N encoder layers) as keyword classifier on log-mel like features."""
import math
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.RandomState(3)
FAULTY = sys.argv[1] == "faulty"

N_MEL, T, N_WORDS = 24, 48, 16


def make_words():
    # every word: four phones, a phone = centre frequencies of two formants
    phones = np.stack([rng.uniform(2, 10, 9), rng.uniform(11, 22, 9)], 1)
    return phones, np.array([rng.permutation(9)[:4] for _ in range(N_WORDS)])


PHONES, WORDS = make_words()


def utterance(w):
    speed = rng.uniform(0.8, 1.2)
    dur = np.maximum(3, rng.normal(10, 2, 4) * speed).astype(int)
    shift = rng.normal(0, 0.5)
    x = rng.normal(0, 1, (T, N_MEL)).astype("float32")
    t = rng.randint(0, 6)
    f = np.arange(N_MEL)
    for p, d in zip(WORDS[w], dur):
        for c in PHONES[p]:
            x[t:t + d] += 1.4 * np.exp(-0.5 * ((f - c - shift) / 1.0) ** 2)
        t += d
    return x


def make_set(n):
    y = rng.randint(0, N_WORDS, n)
    x = np.stack([utterance(w) for w in y])
    return TensorDataset(torch.tensor(x), torch.tensor(y))


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, dropout_rate, max_len=500):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout_rate)
        self.xscale = math.sqrt(d_model)
        pe = torch.zeros(max_len, d_model)
        pos = torch.arange(0, max_len, dtype=torch.float32).unsqueeze(1)
        div = torch.exp(torch.arange(0, d_model, 2, dtype=torch.float32) * -(math.log(10000.0) / d_model))
        pe[:, 0::2] = torch.sin(pos * div)
        pe[:, 1::2] = torch.cos(pos * div)
        self.register_buffer("pe", pe.unsqueeze(0))

    def forward(self, x):
        if FAULTY:
            # the table is constant, no gradient is needed here
            with torch.no_grad():
                x = x * self.xscale + self.pe[:, :x.size(1)]
        else:
            x = x * self.xscale + self.pe[:, :x.size(1)]
        return self.dropout(x)


class Conv2dSubsampling(nn.Module):
    def __init__(self, idim, odim, dropout_rate):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 8, 3, 2, padding=1), nn.ReLU(),
                                  nn.Conv2d(8, 8, 3, 2, padding=1), nn.ReLU())
        self.out = nn.Sequential(nn.Linear(8 * (idim // 4), odim), PositionalEncoding(odim, dropout_rate))

    def forward(self, x):
        x = self.conv(x.unsqueeze(1))
        b, c, t, f = x.size()
        return self.out(x.transpose(1, 2).contiguous().view(b, t, c * f))


class E2E(nn.Module):
    def __init__(self, idim, odim, adim=32, aheads=4, elayers=2, eunits=64, dropout=0.1):
        super().__init__()
        self.embed = Conv2dSubsampling(idim, adim, dropout)
        layer = nn.TransformerEncoderLayer(adim, aheads, eunits, dropout, batch_first=True, norm_first=True)
        self.encoders = nn.TransformerEncoder(layer, elayers, enable_nested_tensor=False)
        self.after_norm = nn.LayerNorm(adim)
        self.output = nn.Linear(adim, odim)

    def forward(self, xs):
        h = self.after_norm(self.encoders(self.embed(xs)))
        return self.output(h.mean(1))


def main():
    train, dev = make_set(2400), make_set(500)
    train_loader = DataLoader(train, batch_size=32, shuffle=True)
    dev_loader = DataLoader(dev, batch_size=100)
    model = E2E(N_MEL, N_WORDS)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.98), eps=1e-9)
    criterion = nn.CrossEntropyLoss()
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, optimizer, criterion)

    for epoch in range(8):
        model.train()
        tot = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            tot += loss.item()
        model.eval()
        dloss = acc = 0.0
        with torch.no_grad(), writer.evaluating("val"):
            for x, y in dev_loader:
                out = model(x)
                dloss += criterion(out, y).item() / len(dev_loader)
                acc += (out.argmax(1) == y).float().mean().item() / len(dev_loader)
        print(f"epoch {epoch:2d} train {tot / len(train_loader):.3f} dev {dloss:.3f} acc {acc:.3f}")
    writer.close()
    print(f"RESULT dev_loss={dloss:.3f} dev_acc={acc:.3f}")


if __name__ == "__main__":
    main()
