"""Next-frame video prediction with a convolutional LSTM (keras.io example by Amogh Joshi; cell after ndrplz/ConvLSTM_pytorch).
Moving blobs that bounce in a 16x16 box, sometimes kicked at random; BCE on grey values in 0..1, so the loss cannot come near 0."""
import sys

import numpy as np
import torch
import torch.nn as nn

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


def make_movies(n_samples, n_frames=10, size=16, seed=0):
    r = np.random.RandomState(seed)
    yy, xx = np.mgrid[0:size, 0:size]
    movies = np.zeros((n_samples, n_frames, 1, size, size), np.float32)
    for i in range(n_samples):
        for _ in range(r.randint(1, 3)):
            p, v, s = r.uniform(3, size - 3, 2), r.uniform(-1.6, 1.6, 2), r.uniform(1.2, 2.)
            for t in range(n_frames):
                movies[i, t, 0] += np.exp(-((xx - p[0]) ** 2 + (yy - p[1]) ** 2) / (2 * s * s))
                if r.rand() < .08:
                    v = r.uniform(-1.6, 1.6, 2)
                p = p + v
                for d in (0, 1):
                    if p[d] < 2 or p[d] > size - 3:
                        v[d] = -v[d]
                        p[d] = np.clip(p[d], 2, size - 3)
    return torch.from_numpy(np.clip(movies, 0, 1))


class ConvLSTMCell(nn.Module):
    def __init__(self, input_dim, hidden_dim, kernel_size):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.conv = nn.Conv2d(input_dim + hidden_dim, 4 * hidden_dim, kernel_size, padding=kernel_size // 2)

    def forward(self, x, state):
        h, c = state
        cc_i, cc_f, cc_o, cc_g = self.conv(torch.cat([x, h], dim=1)).chunk(4, 1)
        c = torch.sigmoid(cc_f) * c + torch.sigmoid(cc_i) * torch.tanh(cc_g)
        h = torch.sigmoid(cc_o) * torch.tanh(c)
        return h, c

    def init_hidden(self, b, hw):
        z = torch.zeros(b, self.hidden_dim, *hw)
        return z, z.clone()


class NextFrame(nn.Module):
    def __init__(self, hidden=(8, 8)):
        super().__init__()
        self.cells = nn.ModuleList([ConvLSTMCell(i, h, k) for i, h, k in zip((1,) + hidden[:-1], hidden, (5, 3))])
        self.head = nn.Conv2d(hidden[-1], 1, 3, padding=1)

    def forward(self, x):                                   # (b, t, 1, h, w) -> logits of the frames one step later
        states = [c.init_hidden(len(x), x.shape[-2:]) for c in self.cells]
        outs = []
        for t in range(x.shape[1]):
            z = x[:, t]
            for i, cell in enumerate(self.cells):
                states[i] = cell(z, states[i])
                z = states[i][0]
            outs.append(self.head(z))
        return torch.stack(outs, 1)


train_movies, val_movies = make_movies(240, seed=1), make_movies(50, seed=2)
model = NextFrame()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

epochs, batch_size = 8, 10
for epoch in range(epochs):
    running = 0.
    for idx in torch.randperm(len(train_movies)).split(batch_size):
        movie = train_movies[idx]
        optimizer.zero_grad()
        loss = criterion(model(movie[:, :-1]), movie[:, 1:])
        loss.backward()
        optimizer.step()
        running += loss.item() * len(idx)
    with writer.evaluating("val"), torch.no_grad():
        pred = model(val_movies[:, :-1])
        val = criterion(pred, val_movies[:, 1:]).item()
    print(f"Epoch {epoch + 1}/{epochs} - loss: {running / len(train_movies):.4f} - val_loss: {val:.4f}")
writer.close()
mse = ((pred.sigmoid() - val_movies[:, 1:])[:, 3:] ** 2).mean().item()
copy = ((val_movies[:, :-1] - val_movies[:, 1:])[:, 3:] ** 2).mean().item()
t = val_movies[:, 1:].clamp(1e-6, 1 - 1e-6)
floor = -(t * t.log() + (1 - t) * (1 - t).log()).mean().item()
print(f"RESULT train {running / len(train_movies):.4f} val {val:.4f} (entropy of the grey values {floor:.4f}) mse {mse:.5f} last frame {copy:.5f}")
