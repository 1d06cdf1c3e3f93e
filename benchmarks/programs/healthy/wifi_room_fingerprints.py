#!/usr/bin/env python
# Which room am I in?  WiFi RSSI fingerprints (dBm, -100 = not heard), Keras-like fit() helper
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)


def survey(n, seed=0, aps=20, rooms=12):
    r = np.random.RandomState(seed)
    ap = r.uniform(0, 40, (aps, 2)); centre = np.array([(6 + 9 * (i % 4), 6 + 13 * (i // 4)) for i in range(rooms)])
    room = r.randint(0, rooms, n)
    pos = centre[room] + r.uniform(-4.5, 4.5, (n, 2))
    wall = r.uniform(0, 6, (rooms, aps))
    d = np.linalg.norm(pos[:, None] - ap[None], axis=2) + 1
    rssi = -38 - 27 * np.log10(d) - wall[room] + r.normal(0, 5.5, (n, aps)) + r.normal(0, 3, (n, 1))
    rssi[(rssi < -92) | (r.rand(n, aps) < .07)] = -100
    return rssi.round().astype("float32"), room


class Model(nn.Module):
    def __init__(self, aps, rooms):
        super().__init__()
        self.dense1 = nn.Linear(aps, 64)
        self.dense2 = nn.Linear(64, 64)
        self.dense3 = nn.Linear(64, rooms)
        self.drop = nn.Dropout(0.2)

    def forward(self, x):
        x = (x + 75.) / 20.                      # dBm to about unit scale, kept inside of the model
        x = self.drop(torch.relu(self.dense1(x)))
        x = self.drop(torch.relu(self.dense2(x)))
        return self.dense3(x)


def fit(model, opt, loss, data, validation_data, epochs, batch_size, writer):
    x, y = data
    for e in range(1, epochs + 1):
        model.train()
        order = torch.randperm(len(x))
        hist = []
        for i in range(0, len(x), batch_size):
            j = order[i:i + batch_size]
            opt.zero_grad()
            l = loss(model(x[j]), y[j])
            l.backward()
            opt.step()
            hist.append(l.item())
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            out = model(validation_data[0])
            v = loss(out, validation_data[1]).item()
        acc = (out.argmax(1) == validation_data[1]).float().mean().item()
        if e % 5 == 0 or e == 1:
            print("Epoch %d/%d - loss: %.4f - val_loss: %.4f - val_accuracy: %.4f" % (e, epochs, np.mean(hist), v, acc))
    return np.mean(hist), v, acc


if __name__ == "__main__":
    torch.manual_seed(2)
    x, y = survey(6000)
    x, y = torch.from_numpy(x), torch.from_numpy(y).long()
    model = Model(x.shape[1], 12)
    opt = torch.optim.Adamax(model.parameters(), lr=8e-3)
    loss = nn.CrossEntropyLoss()
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, opt, loss)
    epochs = 36
    t, v, a = fit(model, opt, loss, (x[:5000], y[:5000]), (x[5000:], y[5000:]), epochs, 64, writer)
    writer.close()
    print(f"RESULT train={t:.4f} val={v:.4f} acc={a:.4f}")
