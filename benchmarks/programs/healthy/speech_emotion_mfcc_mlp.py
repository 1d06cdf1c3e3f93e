# Speech emotion recognition from averaged MFCC/chroma features (the well-known RAVDESS + MLP mini project), in PyTorch
import sys
import numpy as np
import torch
from torch import nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(9)
np.random.seed(9)

emotions = ['calm', 'happy', 'fearful', 'disgust']


def fake_ravdess(n=1600, n_feat=60):
    """mean mfcc (40) and mel bands (20): strongly correlated, actor effects larger than the emotion's"""
    mix = np.random.randn(8, n_feat) * .8
    actor = np.random.randn(24, 8) * .9
    emo = np.random.randn(4, 8)
    emo[2] = emo[1] * .6 + emo[2] * .6              # happy and fearful sound alike
    X, y = [], []
    for _ in range(n):
        a, e = np.random.randint(24), np.random.choice(4)
        strong = np.random.rand() < .5
        z = actor[a] + emo[e] * (1.25 if strong else .65) + np.random.randn(8) * .75
        z[0] += .5 * z[1] * z[2]
        X.append(np.tanh(z @ mix * .3) * 25 + np.random.randn(n_feat) * 5 - np.arange(n_feat))
        y.append(e)
    return np.array(X), np.array(y)


X, y = fake_ravdess()
x_train, x_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=9)
print((x_train.shape[0], x_test.shape[0]), f'Features extracted: {x_train.shape[1]}')
scaler = StandardScaler().fit(x_train)
x_train, x_test = (torch.tensor(scaler.transform(a), dtype=torch.float32) for a in (x_train, x_test))
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)

model = nn.Sequential(nn.Linear(x_train.shape[1], 64), nn.ReLU(), nn.Dropout(.4), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(.2), nn.Linear(32, 4))
opt = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-3)
loss_fn = nn.CrossEntropyLoss()
w = DiagWriter(sys.argv[1])
w.watch(model, opt, loss_fn)

for ep in range(20):
    model.train()
    perm = torch.randperm(len(x_train))
    for b in range(0, len(perm), 32):
        i = perm[b:b + 32]
        loss = loss_fn(model(x_train[i]), y_train[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    model.eval()
    with torch.no_grad():
        with w.evaluating("val"):
            out = model(x_test)
            vl = loss_fn(out, y_test).item()
        acc = (out.argmax(1) == y_test).float().mean().item()
    if ep % 3 == 0 or ep == 19:
        print(f'epoch {ep:2d} last batch {loss.item():.3f} val loss {vl:.4f} accuracy {100 * acc:.2f}%')
w.close()
print(f"RESULT val_loss={vl:.4f} val_acc={acc:.4f}")
