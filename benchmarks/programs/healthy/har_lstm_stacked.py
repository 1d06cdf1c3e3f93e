# LSTMs for human activity recognition, PyTorch version of guillaume-chevalier/LSTM-Human-Activity-Recognition
# 9 inertial channels, 128 steps, 6 activities, 2 stacked LSTMs of 32 units, L2 on everything, batch 1500
import sys
import numpy as np
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(1); rng = np.random.default_rng(1)

LABELS = ["WALKING", "WALKING_UPSTAIRS", "WALKING_DOWNSTAIRS", "SITTING", "STANDING", "LAYING"]
T = 64   # every second reading of 128


def recordings(n, rng):
    y = rng.choice(6, n, p=[.17, .15, .14, .17, .18, .19])
    t = np.arange(T) / 25.0
    X = np.zeros((n, T, 9), "float32")
    for i, k in enumerate(y):
        tilt = {0: .1, 1: .35, 2: -.25, 3: .8, 4: .05, 5: 1.5}[k] + rng.normal(0, .22)
        g = np.array([np.cos(tilt), np.sin(tilt), .15 * rng.normal()])
        X[i, :, 6:9] = g
        if k < 3:
            f = [1.9, 1.55, 2.2][k] + rng.normal(0, .18)
            amp = [.3, .26, .42][k] * np.exp(rng.normal(0, .3))
            ph = rng.uniform(0, 2 * np.pi)
            for c in range(6):
                X[i, :, c] = amp * (np.sin(2 * np.pi * f * t + ph + c) + .5 * np.sin(4 * np.pi * f * t + 2 * ph + c * [1.2, .3, 2.][k]))
        X[i, :, :6] += rng.normal(0, .09 if k < 3 else .03, (T, 6))
        X[i, :, 6:9] += X[i, :, 0:3]
    return X, y


X_train, y_train = recordings(6000, rng)
X_test, y_test = recordings(1500, rng)
mu, sd = X_train.mean((0, 1)), X_train.std((0, 1))
X_train, X_test = ((torch.tensor((a - mu) / sd)) for a in (X_train, X_test))
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)

n_hidden, n_classes = 32, 6
learning_rate = 0.0025
lambda_loss_amount = 0.0015
batch_size = 500
training_iters = len(X_train) * 20


class LSTM_RNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(9, n_hidden)
        self.lstm = nn.LSTM(n_hidden, n_hidden, num_layers=2, batch_first=True)
        self.out = nn.Linear(n_hidden, n_classes)
        for n, p in self.lstm.named_parameters():
            if "bias_ih" in n:
                p.data[n_hidden:2 * n_hidden] = 1.0   # forget_bias=1.0

    def forward(self, x):
        h, _ = self.lstm(torch.relu(self.inp(x)))
        return self.out(h[:, -1])


model = LSTM_RNN()
cost = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, cost)

step, perm = 1, torch.randperm(len(X_train))
while step * batch_size <= training_iters:
    at = (step * batch_size) % len(X_train)
    if at == 0:
        perm = torch.randperm(len(X_train))
    b = perm[at:at + batch_size]
    l2 = lambda_loss_amount * sum((p ** 2).sum() / 2 for p in model.parameters())
    loss = cost(model(X_train[b]), y_train[b]) + l2
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    if step % 24 == 0:
        with writer.evaluating("test"):
            out = model(X_test)
            tl = cost(out, y_test).item(); acc = (out.argmax(1) == y_test).float().mean().item()
        print(step, f"train {loss.item():.3f} (l2 {l2.item():.3f}) test {tl:.3f} acc {acc:.3f}")
    step += 1
writer.close()
print(f"RESULT train {loss.item():.3f} test_loss {tl:.3f} test_acc {acc:.3f}")
