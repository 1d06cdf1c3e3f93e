# Which exercise is it?  Wrist accelerometer + gyro, 3 s windows at 20 Hz, Conv1d front end and an LSTM.
# Keras-like little Model class because I missed model.fit
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED = 17
np.random.seed(SEED)
torch.manual_seed(SEED)

EXERCISES = ['squat', 'curl', 'press', 'row', 'jumping_jack', 'rest']
T = 60


def simulate_person(pid):
    """every person has their own tempo, amplitude and way to wear the watch"""
    rng = np.random.RandomState(pid)
    tempo, amp, tilt = rng.uniform(.8, 1.25), rng.uniform(.75, 1.3), rng.normal(0, .2)
    X, y = [], []
    for e in range(len(EXERCISES)):
        for _ in range(18):
            t = np.arange(T) / 20
            f = tempo * [.5, .7, .6, .7, 1.2, .1][e] * rng.uniform(.9, 1.1)
            ph = 2 * np.pi * (f * t + rng.rand())
            s, c, s2 = np.sin(ph), np.cos(ph), np.sin(2 * ph + .5)
            base = {
                0: [.1 * s, .3 * s, .8 * s + .3 * s2, .1 * c, .1 * s, .1 * c],
                1: [.7 * s, .5 * c, .5 * s, 1.2 * c, .2 * s, .1 * c],
                2: [.2 * s, .3 * c, .9 * s + .2 * s2, .5 * c, .3 * s, .1 * s2],
                3: [.8 * s + .2 * s2, .2 * c, .4 * s, .8 * c, .4 * s, .1 * c],
                4: [.9 * s, .8 * s2, .9 * c, .7 * s, .9 * c, .3 * s2],
                5: [.1 * s, .05 * c, .1 * s, .1 * c, .1 * s, .05 * c],
            }[e]
            w = np.array(base) * amp * rng.uniform(.6, 1.4)
            a = w[:3].copy()
            w[0], w[2] = a[0] * np.cos(tilt) - a[2] * np.sin(tilt), a[0] * np.sin(tilt) + a[2] * np.cos(tilt)
            w += np.array([.1, 0, 1, 0, 0, 0])[:, None]            # gravity
            w += rng.normal(0, .38, w.shape)
            X.append(w)
            y.append(e)
    return np.array(X, dtype=np.float32), np.array(y)


people = [simulate_person(100 + i) for i in range(28)]
order = np.random.permutation(28)                  # split by person, not by window
tr, va = order[:21], order[21:]
X_train = np.concatenate([people[i][0] for i in tr]); y_train = np.concatenate([people[i][1] for i in tr])
X_val = np.concatenate([people[i][0] for i in va]); y_val = np.concatenate([people[i][1] for i in va])
mu, sd = X_train.mean((0, 2), keepdims=True), X_train.std((0, 2), keepdims=True)
X_train, X_val = (X_train - mu) / sd, (X_val - mu) / sd


class Model(nn.Module):
    def compile(self, optimizer, loss, logdir):
        self.optimizer, self.loss = optimizer, loss
        self.writer = DiagWriter(logdir)
        self.writer.watch(self, optimizer, loss)

    def fit(self, X, y, epochs, batch_size, validation_data):
        X, y = torch.as_tensor(X), torch.as_tensor(y)
        history = []
        for epoch in range(1, epochs + 1):
            self.train()
            losses = []
            for b in torch.randperm(len(X)).split(batch_size):
                self.optimizer.zero_grad()
                loss = self.loss(self(X[b]), y[b])
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
            vl, va = self.evaluate(*validation_data)
            history.append((np.mean(losses), vl, va))
            print('Epoch %d/%d - loss: %.4f - val_loss: %.4f - val_accuracy: %.4f' % (epoch, epochs, *history[-1]))
        self.writer.close()
        return history

    @torch.no_grad()
    def evaluate(self, X, y):
        self.eval()
        X, y = torch.as_tensor(X), torch.as_tensor(y)
        with self.writer.evaluating("val"):
            out = self(X)
            l = self.loss(out, y).item()
        return l, (out.argmax(1) == y).float().mean().item()


class ConvLSTM(Model):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(6, 24, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2), nn.Dropout(.2))
        self.lstm = nn.LSTM(24, 32, batch_first=True)
        self.fc = nn.Linear(32, len(EXERCISES))

    def forward(self, x):
        h = self.conv(x).transpose(1, 2)
        _, (h, _) = self.lstm(h)
        return self.fc(h[-1])


model = ConvLSTM()
model.compile(torch.optim.Adam(model.parameters(), lr=.003), nn.CrossEntropyLoss(), sys.argv[1])
h = model.fit(X_train, y_train, epochs=10, batch_size=64, validation_data=(X_val, y_val))
print("RESULT loss=%.4f val=%.4f val_acc=%.3f best_val=%.4f" % (*h[-1], min(v for _, v, _ in h)))
