import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
mode, logdir = sys.argv[1:]
rs = np.random.RandomState(65)
torch.manual_seed(65)

VOCAB, MAX_WORDS = 1500, 24
zipf = 1 / np.arange(8, VOCAB + 8 - 100) ** .9
zipf /= zipf.sum()


def tweet(positive):
    n = rs.randint(7, MAX_WORDS + 1)
    ids = 100 + rs.choice(VOCAB - 100, n, p=zipf)
    for j in range(n):
        if rs.rand() < .13:
            side = positive if rs.rand() < .76 else not positive
            ids[j] = 2 + rs.randint(45) + (45 if side else 0)
        elif j and 2 <= ids[j - 1] < 92 and rs.rand() < .1:
            ids[j] = 92 + rs.randint(4)
    return np.pad(ids, (MAX_WORDS - n, 0))


# tweets.csv: first the file of the positive ones, then that of the negative ones
pos, neg = 7400, 8600
X = np.array([tweet(True) for _ in range(pos)] + [tweet(False) for _ in range(neg)])
y = np.concatenate([np.ones(pos), np.zeros(neg)]).astype('float32')
if mode == 'fixed':
    p = rs.permutation(len(X))
    X, y = X[p], y[p]

validation_split = 0.3
n_train = int(len(X) * (1 - validation_split))
train = TensorDataset(torch.tensor(X[:n_train]), torch.tensor(y[:n_train]))
valid = TensorDataset(torch.tensor(X[n_train:]), torch.tensor(y[n_train:]))
print('Train on', len(train), 'samples, validate on', len(valid), 'samples')


class SentimentCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, 24)
        self.conv = nn.Conv1d(24, 24, 3, padding=1)
        self.drop = nn.Dropout(0.4)
        self.fc = nn.Linear(24, 1)

    def forward(self, ids):
        h = self.drop(self.emb(ids)).transpose(1, 2)
        h = F.relu(self.conv(h)).mean(2)
        return self.fc(self.drop(h)).squeeze(1)


model = SentimentCNN()
opt = torch.optim.Adam(model.parameters(), lr=4e-3, weight_decay=2e-4)
crit = nn.BCEWithLogitsLoss()
w = DiagWriter(logdir)
w.watch(model, opt, crit)
dl, vl = DataLoader(train, 64, shuffle=True), DataLoader(valid, 256)

for e in range(6):
    model.train()
    h = np.zeros(2)
    for a, b in dl:
        out = model(a)
        loss = crit(out, b)
        opt.zero_grad()
        loss.backward()
        opt.step()
        h += [loss.item() * len(b), ((out > 0) == (b > .5)).sum().item()]
    v = np.zeros(2)
    with w.evaluating('val'):
        for a, b in vl:
            out = model(a)
            v += [crit(out, b).item() * len(b), ((out > 0) == (b > .5)).sum().item()]
    print('Epoch %d/6 - loss: %.4f - acc: %.4f - val_loss: %.4f - val_acc: %.4f' % (e + 1, *(h / len(train)), *(v / len(valid))))
w.close()
