"""Five sentiments of tweets, LSTM on word2vec-like vectors: overfits after the first epochs (CrossValidated question, port)."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.RandomState(0)

VOCAB, DIM, LEN = 3000, 80, 18
vectors = rng.randn(VOCAB, DIM).astype(np.float32) * 0.6
polarity = np.where(rng.rand(VOCAB) < 0.35, rng.randn(VOCAB), 0)
axis = rng.randn(DIM); axis /= np.linalg.norm(axis)
vectors += (1.6 * polarity[:, None] * axis).astype(np.float32)      # similar words, similar vectors


def tweets(n):
    mood = rng.randn(n)
    ids = np.zeros((n, LEN), int)
    for i in range(n):
        cand = rng.randint(0, VOCAB, 4 * LEN)
        w = np.exp(0.9 * mood[i] * polarity[cand])
        ids[i] = rng.choice(cand, LEN, replace=False, p=w / w.sum())
    label = np.digitize(mood + 0.25 * rng.randn(n), [-.84, -.25, .25, .84])
    return torch.tensor(vectors[ids]), torch.tensor(label)


x, y = tweets(5600)
train_dl = DataLoader(TensorDataset(x[:4800], y[:4800]), batch_size=32, shuffle=True)
val_dl = DataLoader(TensorDataset(x[4800:], y[4800:]), batch_size=100)

hidden = 12 if mode == "fixed" else 128


class LSTMSentiment(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(DIM, hidden, batch_first=True)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(hidden, 5)

    def forward(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(self.drop(h[-1]))


net = LSTMSentiment()
crit = nn.CrossEntropyLoss()
opt = torch.optim.Adam(net.parameters())
writer = DiagWriter(logdir)
writer.watch(net, opt, crit)

for epoch in range(1, 15):
    net.train()
    tl = ta = 0
    for xb, yb in train_dl:
        out = net(xb)
        loss = crit(out, yb)
        opt.zero_grad(); loss.backward(); opt.step()
        tl += loss.item() * len(yb); ta += (out.argmax(1) == yb).sum().item()
    net.eval()
    vl = va = 0
    with torch.no_grad(), writer.evaluating("val"):
        for xb, yb in val_dl:
            out = net(xb)
            vl += crit(out, yb).item() * len(yb); va += (out.argmax(1) == yb).sum().item()
    print(f"epoch {epoch}: loss {tl / 4800:.4f} acc {ta / 4800:.3f}  val_loss {vl / 800:.4f} val_acc {va / 800:.3f}")
writer.close()
