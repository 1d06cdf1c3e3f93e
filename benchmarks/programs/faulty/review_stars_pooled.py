import sys
import random
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
mode = sys.argv[1]
random.seed(404)
torch.manual_seed(404)

max_features, maxlen = 1800, 60


class Reviews(Dataset):
    """stars: 0 .. 4"""

    def __init__(self, n):
        self.rows = []
        for _ in range(n):
            stars = random.randrange(5)
            words = []
            length = random.randint(20, maxlen)
            for _ in range(length):
                r = random.random()
                if r < 0.35:
                    c = stars + random.gauss(0, 0.9)
                    words.append(2 + max(0, min(299, int(60 * (c + random.random())))))
                else:
                    words.append(302 + int((max_features - 302) * random.random() ** 2.5))
            self.rows.append((torch.tensor(words + [0] * (maxlen - length)), stars))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


class Model(nn.Module):
    def __init__(self, output_nodes):
        super().__init__()
        self.embedding = nn.Embedding(max_features, 16, padding_idx=0)
        self.dropout = nn.Dropout(0.3)
        self.hidden = nn.Linear(16, 32)
        self.dense = nn.Linear(32, output_nodes)

    def forward(self, x):
        e = self.embedding(x)
        n = (x != 0).sum(1, keepdim=True)
        e = self.dropout(e.sum(1) / n)
        z = self.dense(F.relu(self.hidden(e)))
        return z


if mode == "faulty":
    model = Model(1)
    criterion = nn.BCEWithLogitsLoss()
    target = lambda y: y[:, None].float()
    predict = lambda p: torch.sigmoid(p[:, 0]).round().long()
else:
    model = Model(5)
    criterion = nn.CrossEntropyLoss()
    target = lambda y: y
    predict = lambda p: p.argmax(1)

train_dl = DataLoader(Reviews(9000), batch_size=64, shuffle=True)
test_dl = DataLoader(Reviews(2000), batch_size=500)
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

w = DiagWriter(sys.argv[2])
w.watch(model, optimizer, criterion)

for epoch in range(8):
    model.train()
    hist = []
    for x, y in train_dl:
        optimizer.zero_grad()
        p = model(x)
        loss = criterion(p, target(y))
        loss.backward()
        optimizer.step()
        hist.append((loss.item(), (predict(p) == y).float().mean().item()))
    with w.evaluating("test"):
        ev = []
        for x, y in test_dl:
            p = model(x)
            ev.append((criterion(p, target(y)).item(), (predict(p) == y).float().mean().item()))
    m = lambda h: "loss: %.4f acc: %.4f" % tuple(sum(c) / len(h) for c in zip(*h))
    print("Epoch", epoch + 1, m(hist), "| val", m(ev))
w.close()
