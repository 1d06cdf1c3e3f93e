"""Image captioning (CNN encoder, LSTM decoder) after yunjey's tutorial; own small CNN in place of the pre-trained ResNet."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
WORDS = ["<pad>", "<start>", "<end>", "a", "big", "small", "bright", "dark", "disc", "ring", "cross", "bar", "left", "right", "top", "bottom", "and"]
W = {w: i for i, w in enumerate(WORDS)}


def make(n, seed):
    r = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:20, 0:20]
    X, C = np.zeros((n, 1, 20, 20), np.float32), []
    for i in range(n):
        cap, halves = ["<start>"], sorted(r.permutation(2)[: r.integers(1, 3)])
        for j, h in enumerate(halves):
            size, tone, kind, vert = r.integers(0, 2), r.integers(0, 2), r.integers(0, 4), r.integers(0, 2)
            cy, cx = (5 if vert else 14) + r.normal(0, .7), (5 if h == 0 else 14) + r.normal(0, .7)
            rad = 4.2 if size else 2.3
            d = np.hypot(yy - cy, xx - cx)
            m = [d < rad, abs(d - rad) < .9, (np.minimum(abs(yy - cy), abs(xx - cx)) < .8) & (d < rad + .5), (abs(yy - cy) < 1) & (abs(xx - cx) < rad)][kind]
            X[i, 0] += m * (1.0 if tone else 0.45)
            cap += (["and"] if j else []) + ["a", ["small", "big"][size], ["dark", "bright"][tone], ["disc", "ring", "cross", "bar"][kind],
                                             ["bottom", "top"][vert], ["left", "right"][h]]
        C.append([W[w] for w in cap + ["<end>"]])
    X += .08 * r.normal(size=X.shape)
    return torch.tensor(X / 0.4 - 0.3).float(), C


class EncoderCNN(nn.Module):
    def __init__(self, embed_size):
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
                                 nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 25, embed_size))
        self.bn = nn.BatchNorm1d(embed_size, momentum=0.05)

    def forward(self, images):
        return self.bn(self.cnn(images))


class DecoderRNN(nn.Module):
    def __init__(self, embed_size, hidden_size, vocab_size):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, embed_size)
        self.lstm = nn.LSTM(embed_size, hidden_size, batch_first=True)
        self.linear = nn.Linear(hidden_size, vocab_size)

    def forward(self, features, captions, lengths):
        emb = torch.cat((features.unsqueeze(1), self.embed(captions)), 1)
        hiddens, _ = self.lstm(pack_padded_sequence(emb, lengths, batch_first=True))
        return self.linear(hiddens[0])


class Captioner(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = EncoderCNN(12), DecoderRNN(12, 64, len(WORDS))

    def forward(self, images, captions, lengths):
        return self.decoder(self.encoder(images), captions, lengths)


def batch(X, C, idx):
    idx = sorted(idx.tolist(), key=lambda i: -len(C[i]))
    lengths = [len(C[i]) for i in idx]
    cap = torch.zeros(len(idx), lengths[0], dtype=torch.long)
    for j, i in enumerate(idx):
        cap[j, :lengths[j]] = torch.tensor(C[i])
    return X[idx], cap, lengths, pack_padded_sequence(cap, lengths, batch_first=True)[0]


X, C = make(3000, 0)
Xv, Cv = make(500, 1)
model = Captioner()
criterion = nn.CrossEntropyLoss()
if sys.argv[1] == "faulty":
    params = list(model.decoder.parameters()) + list(model.encoder.bn.parameters())
else:
    params = list(model.decoder.parameters()) + list(model.encoder.parameters())
optimizer = torch.optim.Adam(params, lr=4e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(10):
    model.train()
    for idx in torch.randperm(3000).split(30):
        images, captions, lengths, targets = batch(X, C, idx)
        loss = criterion(model(images, captions, lengths), targets)
        model.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with writer.evaluating("val"):
        im, ca, le, ta = batch(Xv, Cv, torch.arange(500))
        v = criterion(model(im, ca, le), ta).item()
    print(f"Epoch [{epoch}/10], Loss: {loss.item():.4f}, val {v:.4f}, Perplexity: {np.exp(v):5.3f}")
writer.close()
print(f"RESULT val loss {v:.4f}")
