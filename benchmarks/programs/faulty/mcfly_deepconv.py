import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
np.random.seed(43)
torch.manual_seed(43)
torch.set_num_threads(1)

ACTIVITIES = ["lying", "sitting", "walking", "running", "cycling", "stairs"]
HYPER = {"learning_rate": 0.045 if form == "faulty" else 0.0015, "regularization_rate": 1e-4,
         "filters": [24, 32, 24], "lstm_dims": [40]}


def windows(n, length=64, channels=6):
    t = np.arange(length) / 32.0
    X = np.empty((n, length, channels), "float32")
    y = np.random.randint(0, len(ACTIVITIES), n)
    for i, a in enumerate(y):
        freq = [0.2, 0.2, 1.8, 2.7, 1.2, 1.5][a] * np.random.normal(1, 0.08)
        amp = [0.05, 0.08, 0.7, 1.5, 0.5, 0.8][a] * np.random.lognormal(0, 0.25)
        tilt = np.array([[0, 0, 1], [0.3, 0, 0.95], [0, 1, 0], [0.2, 0.98, 0], [0.6, 0.7, 0.3], [0.1, 0.9, 0.3]][a])
        ph = np.random.uniform(0, 2 * np.pi, channels)
        for c in range(channels):
            base = tilt[c % 3] + 0.15 * np.random.randn()
            w = amp * (np.sin(2 * np.pi * freq * t + ph[c]) + 0.4 * np.sin(4 * np.pi * freq * t + ph[c] * 2))
            X[i, :, c] = base + w * (0.6 + 0.2 * (c % 3)) + 0.2 * np.random.randn(length)
    return X, y


class DeepConvLSTM(nn.Module):
    def __init__(self, channels, classes, filters, lstm_dims):
        super().__init__()
        self.bn0 = nn.BatchNorm1d(channels)
        self.convs = nn.ModuleList()
        c_in = 1
        for f in filters:
            self.convs.append(nn.Conv2d(c_in, f, (3, 1), padding=(1, 0)))
            c_in = f
        self.pool = nn.AvgPool2d((4, 1))
        self.lstm = nn.LSTM(c_in * channels, lstm_dims[0], batch_first=True)
        self.out = nn.Linear(lstm_dims[0], classes)

    def forward(self, x):
        x = self.bn0(x.transpose(1, 2)).transpose(1, 2).unsqueeze(1)
        x = self.pool(x)
        for conv in self.convs:
            x = torch.relu(conv(x))
        x = x.permute(0, 2, 1, 3).flatten(2)
        return self.out(self.lstm(x)[0][:, -1])


X, y = windows(1500)
X, y = torch.from_numpy(X), torch.from_numpy(y)
X_train, y_train, X_val, y_val = X[:1100], y[:1100], X[1100:], y[1100:]
model = DeepConvLSTM(6, len(ACTIVITIES), HYPER["filters"], HYPER["lstm_dims"])
optim = torch.optim.Adam(model.parameters(), lr=HYPER["learning_rate"], weight_decay=HYPER["regularization_rate"])
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optim, criterion)

nr_epochs, batch_size = 9, 20
for epoch in range(nr_epochs):
    model.train()
    for idx in torch.randperm(len(X_train)).split(batch_size):
        optim.zero_grad()
        loss = criterion(model(X_train[idx]), y_train[idx])
        loss.backward()
        optim.step()
    model.eval()
    with torch.no_grad():
        scores = model(X_val)
        val_loss = criterion(scores, y_val)
        val_acc = (scores.argmax(1) == y_val).float().mean().item()
    print(f"Epoch {epoch + 1}/{nr_epochs} loss: {loss.item():.4f} val_loss: {val_loss.item():.4f} val_acc: {val_acc:.4f}")
writer.close()
print(f"RESULT val_loss {val_loss.item():.4f} val_acc {val_acc:.4f}")
