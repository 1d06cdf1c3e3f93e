# music genres from short windows of songs (after a GTZAN keras notebook): 1-d conv over mel frames
import sys
import numpy as np
import torch
from torch import nn
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(42)
rng = np.random.RandomState(42)
GENRES = ['blues', 'classical', 'disco', 'hiphop', 'metal', 'reggae']
BANDS, FRAMES, WINDOWS = 24, 32, 8

genre_spec = rng.randn(6, BANDS) * .45
genre_tempo = np.array([3., 1.5, 5., 4., 6.5, 2.2])

def read_song(g):
    """log-mel frames: genre colour + the song's own (instruments, key, mix) + rhythm, cut into windows"""
    own = rng.randn(BANDS) * .7
    tempo = genre_tempo[g] * np.exp(rng.randn() * .2)
    accent = np.abs(rng.randn(BANDS)) * .5
    ws = []
    for _ in range(WINDOWS):
        t = np.arange(FRAMES) / FRAMES
        beat = np.sin(2 * np.pi * (tempo * t + rng.rand()))
        ws.append((genre_spec[g] + own + .25 * rng.randn(BANDS))[:, None] + accent[:, None] * beat + .5 * rng.randn(BANDS, FRAMES))
    return np.stack(ws)

def read_data(songs):
    X, y, song = [], [], []
    for g in range(6):
        for s in range(songs):
            X.append(read_song(g)); y += [g] * WINDOWS; song += [g * 1000 + s] * WINDOWS
    return np.concatenate(X).astype(np.float32), np.array(y), np.array(song)

X, y, song = read_data(110)
Xn, yn, _ = read_data(25)                      # songs recorded later, never used for anything but the last test

if sys.argv[1] == 'faulty':
    X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.25, random_state=42, stratify=y)
else:
    names = np.unique(song)
    keep, out = train_test_split(names, test_size=0.25, random_state=42, stratify=names // 1000)
    X_train, y_train = X[np.isin(song, keep)], y[np.isin(song, keep)]
    X_val, y_val = X[np.isin(song, out)], y[np.isin(song, out)]
m, s = X_train.mean(), X_train.std()
X_train, X_val, Xn = [torch.from_numpy((a - m) / s) for a in (X_train, X_val, Xn)]
y_train, y_val, yn = [torch.from_numpy(a) for a in (y_train, y_val, yn)]

net = nn.Sequential(nn.Conv1d(BANDS, 32, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(32, 32, 5, padding=2), nn.ReLU(), nn.AdaptiveMaxPool1d(1),
                    nn.Flatten(), nn.Dropout(0.4), nn.Linear(32, 6))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)

def evaluate(split, X, y):
    with writer.evaluating(split):
        out = net(X)
        return criterion(out, y).item(), (out.argmax(1) == y).float().mean().item()

best, best_loss, bad = None, 1e9, 0
for epoch in range(40):
    perm = torch.randperm(len(X_train))
    for i in range(0, len(perm), 64):
        b = perm[i:i + 64]
        optimizer.zero_grad()
        loss = criterion(net(X_train[b]), y_train[b])
        loss.backward()
        optimizer.step()
    vl, va = evaluate('val', X_val, y_val)
    print(f'epoch {epoch} loss {loss.item():.3f} val_loss {vl:.3f} val_acc {va:.3f}')
    if vl < best_loss - 1e-3:
        best_loss, best, bad = vl, {k: v.clone() for k, v in net.state_dict().items()}, 0
    else:
        bad += 1
        if bad >= 5:
            print('early stopping'); break
net.load_state_dict(best)
tl, ta = evaluate('test', Xn, yn)
writer.close()
print(f'RESULT val_loss {best_loss:.3f} val acc at best; new songs: test_loss {tl:.3f} acc {ta:.3f} epochs {epoch + 1}')
