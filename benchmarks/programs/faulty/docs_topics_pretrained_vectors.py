"""Topic of short tickets: averaged word vectors + MLP. The vector file is not there yet, so random vectors stand in for it."""
import sys
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(8)
rng = np.random.default_rng(8)
V, DIM, TOPICS, LEN = 1500, 16, 10, 22


def corpus(n):
    """each topic prefers its own 90 words, 60 % of all words are common ones, 5 % of the topics wrongly filed"""
    zipf = 1 / np.arange(1, 91)
    zipf = zipf ** .6 / (zipf ** .6).sum()
    docs, y = np.zeros((n, LEN), np.int64), rng.integers(0, TOPICS, n)
    for i in range(n):
        length = rng.integers(10, LEN + 1)
        own = rng.random(length) < .28
        words = rng.integers(901, V, length)
        words[own] = 1 + y[i] * 90 + rng.choice(90, own.sum(), p=zipf)
        other = rng.random(length) < .15
        words[other & ~own] = rng.integers(1, 901, (other & ~own).sum())
        docs[i, :length] = words
    wrong = rng.random(n) < .05
    y[wrong] = rng.integers(0, TOPICS, wrong.sum())
    return list(zip(torch.tensor(docs), torch.tensor(y)))


class Model(nn.Module):
    def __init__(self, vectors):
        super().__init__()
        if sys.argv[1] == "faulty":
            self.embedding = nn.Embedding.from_pretrained(vectors)
        else:
            self.embedding = nn.Embedding.from_pretrained(vectors, freeze=False)
        self.fc1 = nn.Linear(DIM, 48)
        self.dropout = nn.Dropout(0.3)
        self.fc2 = nn.Linear(48, TOPICS)

    def forward(self, x):
        mask = (x > 0).float().unsqueeze(-1)
        h = (self.embedding(x) * mask).sum(1) / mask.sum(1)
        return self.fc2(self.dropout(F.relu(self.fc1(h))))


train_iter = DataLoader(corpus(6000), batch_size=64, shuffle=True)
dev_iter = DataLoader(corpus(1000), batch_size=200)
vectors = torch.randn(V, DIM) * 0.3
model = Model(vectors)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(8):
    model.train()
    tot = 0
    for texts, labels in train_iter:
        outputs = model(texts)
        model.zero_grad()
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        tot += loss.item()
    model.eval()
    dl, hit, n = 0, 0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for texts, labels in dev_iter:
            out = model(texts)
            dl += criterion(out, labels).item() * len(labels)
            hit += (out.argmax(1) == labels).sum().item()
            n += len(labels)
    print(f"Epoch [{epoch + 1}/8] Train Loss: {tot / len(train_iter):.3f} Val Loss: {dl / n:.3f} Val Acc: {hit / n:.2%}")
writer.close()
print(f"RESULT val loss {dl / n:.4f} accuracy {hit / n:.4f}")
