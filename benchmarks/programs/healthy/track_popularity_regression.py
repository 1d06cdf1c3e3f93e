"""Predict the popularity (0..100) of music tracks from audio features. Everyone on kaggle finds R2 of about 0.2-0.3: most of it isn't in
the audio. Sigmoid output times 100, MAE loss."""
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def load_tracks(n=6000, seed=33):
    r = np.random.RandomState(seed)
    energy = r.beta(3, 2, n)
    df = pd.DataFrame({'danceability': r.beta(4, 3, n), 'energy': energy, 'loudness': -22 + 18 * energy + r.normal(0, 2.5, n),
                       'speechiness': r.beta(1, 9, n), 'acousticness': np.clip(1 - energy + r.normal(0, .25, n), 0, 1),
                       'instrumentalness': np.where(r.rand(n) < .25, r.beta(4, 1.5, n), 0), 'liveness': r.beta(1.5, 6, n), 'valence': r.beta(2, 2, n),
                       'tempo': r.normal(120, 28, n), 'duration_ms': np.exp(r.normal(12.3, .3, n)), 'explicit': (r.rand(n) < .1) * 1.})
    genre = r.randint(0, 12, n)
    gmean = np.random.RandomState(1).normal(0, 9, 12)
    pop = 38 + gmean[genre] + 14 * (df.danceability - .57) - 12 * df.instrumentalness + 10 * df.explicit - 25 * (df.liveness - .2) ** 2 \
        - 6 * np.abs(np.log(df.duration_ms) - 12.25) + r.normal(0, 17, n)
    df['genre'] = genre
    df['popularity'] = pop.clip(0, 100).round()
    return df


class PopularityModel(nn.Module):
    def __init__(self, n_num, n_genre):
        super().__init__()
        self.genre = nn.Embedding(n_genre, 4)
        self.bn = nn.BatchNorm1d(n_num)
        self.fc = nn.Sequential(nn.Linear(n_num + 4, 40), nn.SiLU(), nn.Dropout(0.2), nn.Linear(40, 1))

    def forward(self, num, genre):
        h = torch.cat([self.bn(num), self.genre(genre)], dim=1)
        return 100 * torch.sigmoid(self.fc(h)).squeeze(1)


def train(model, loaders, epochs, writer, optimizer, criterion):
    for epoch in range(epochs):
        for phase in ('train', 'val'):
            model.train(phase == 'train')
            total, n = 0., 0
            def loop():
                nonlocal total, n
                for num, g, y in loaders[phase]:
                    with torch.set_grad_enabled(phase == 'train'):
                        loss = criterion(model(num, g), y)
                    if phase == 'train':
                        optimizer.zero_grad()
                        loss.backward()
                        optimizer.step()
                    total += loss.item() * len(y)
                    n += len(y)
            if phase == 'val':
                with writer.evaluating("val"):
                    loop()
            else:
                loop()
            print(f'{epoch + 1:2d} {phase:5s} MAE {total / n:.3f}', end='\n' if phase == 'val' else '   ')
    return total / n


if __name__ == '__main__':
    torch.manual_seed(0)
    df = load_tracks()
    num = df.drop(columns=['genre', 'popularity'])
    X = torch.tensor(num.values, dtype=torch.float32)
    G, y = torch.tensor(df.genre.values), torch.tensor(df.popularity.values, dtype=torch.float32)
    cut = 4500
    loaders = {'train': DataLoader(TensorDataset(X[:cut], G[:cut], y[:cut]), batch_size=64, shuffle=True),
               'val': DataLoader(TensorDataset(X[cut:], G[cut:], y[cut:]), batch_size=500)}
    model = PopularityModel(X.shape[1], 12)
    criterion = nn.L1Loss()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optimizer, criterion)
    val = train(model, loaders, 12, writer, optimizer, criterion)
    writer.close()
    print(f'RESULT val_mae={val:.4f} mae_of_median={(y[cut:] - y[:cut].median()).abs().mean():.4f} noise_mae={17 * (2 / np.pi) ** .5:.3f}')
