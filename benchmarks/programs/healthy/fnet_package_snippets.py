import glob
import os
import re
import sys
from collections import Counter

import numpy as np
import torch
from torch import nn
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)

BATCH_SIZE = 64
EPOCHS = 8
MAX_SEQUENCE_LENGTH = 48
VOCAB_SIZE = 3000
EMBED_DIM = 64
INTERMEDIATE_DIM = 128
PACKAGES = ["asyncio", "email", "tkinter", "unittest", "xml/*", "multiprocessing"]
FOLDER = os.path.dirname(os.__file__)


def read_snippets():
    rng = np.random.default_rng(21)
    snippets, labels = [], []
    for k, package in enumerate(PACKAGES):
        mine = []
        for path in sorted(glob.glob(os.path.join(FOLDER, package, "*.py"))):
            words = re.findall(r"[a-z_]{2,}", open(path, encoding="utf8", errors="ignore").read().lower())
            mine += [words[i:i + MAX_SEQUENCE_LENGTH] for i in range(0, len(words) - 30, MAX_SEQUENCE_LENGTH)]
        for i in rng.permutation(len(mine))[:700]:
            snippets.append(mine[i])
            labels.append(k)
    order = rng.permutation(len(labels))
    return [snippets[i] for i in order], np.array(labels)[order]


def encode(snippets, vocab):
    out = torch.zeros(len(snippets), MAX_SEQUENCE_LENGTH, dtype=torch.long)
    for row, words in enumerate(snippets):
        ids = [vocab.get(w, 1) for w in words]
        out[row, :len(ids)] = torch.tensor(ids)
    return out


class TokenAndPositionEmbedding(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(VOCAB_SIZE, EMBED_DIM, padding_idx=0)
        self.position = nn.Embedding(MAX_SEQUENCE_LENGTH, EMBED_DIM)
        nn.init.uniform_(self.token.weight, -0.05, 0.05)
        nn.init.uniform_(self.position.weight, -0.05, 0.05)

    def forward(self, x):
        return self.token(x) + self.position.weight[: x.size(1)]


class FNetEncoder(nn.Module):
    def __init__(self, dropout=0.1):
        super().__init__()
        self.mixing_norm = nn.LayerNorm(EMBED_DIM, eps=1e-5)
        self.ff = nn.Sequential(nn.Linear(EMBED_DIM, INTERMEDIATE_DIM), nn.ReLU(),
                                nn.Linear(INTERMEDIATE_DIM, EMBED_DIM), nn.Dropout(dropout))
        self.output_norm = nn.LayerNorm(EMBED_DIM, eps=1e-5)

    def forward(self, x):
        mixing_output = torch.fft.fft2(x, dim=(1, 2)).real
        x = self.mixing_norm(x + mixing_output)
        return self.output_norm(x + self.ff(x))


class FNetClassifier(nn.Module):
    def __init__(self, n_layers=2):
        super().__init__()
        self.embedding = TokenAndPositionEmbedding()
        self.encoders = nn.Sequential(*[FNetEncoder() for _ in range(n_layers)])
        self.dropout = nn.Dropout(0.1)
        self.out = nn.Linear(EMBED_DIM, len(PACKAGES))

    def forward(self, x):
        x = self.encoders(self.embedding(x))
        return self.out(self.dropout(x.mean(dim=1)))


snippets, labels = read_snippets()
n_train, n_val = int(len(labels) * 0.7), int(len(labels) * 0.15)
words = Counter(w for s in snippets[:n_train] for w in s)
vocab = {w: i + 2 for i, (w, _) in enumerate(words.most_common(VOCAB_SIZE - 2))}
ids, targets = encode(snippets, vocab), torch.tensor(labels)
train_ids, train_y = ids[:n_train], targets[:n_train]
val_ids, val_y = ids[n_train:n_train + n_val], targets[n_train:n_train + n_val]
test_ids, test_y = ids[n_train + n_val:], targets[n_train + n_val:]

fnet_classifier = FNetClassifier()
optimizer = torch.optim.Adam(fnet_classifier.parameters(), lr=1e-3)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(fnet_classifier, optimizer, loss_fn)


def evaluate(x, y, name):
    with writer.evaluating(name):
        logits = fnet_classifier(x)
        loss = loss_fn(logits, y)
    return loss.item(), (logits.argmax(1) == y).float().mean().item()


for epoch in range(EPOCHS):
    fnet_classifier.train()
    for batch in torch.randperm(n_train).split(BATCH_SIZE):
        optimizer.zero_grad()
        loss = loss_fn(fnet_classifier(train_ids[batch]), train_y[batch])
        loss.backward()
        optimizer.step()
    val_loss, val_acc = evaluate(val_ids, val_y, "val")
    print(f"Epoch {epoch + 1}/{EPOCHS} - loss {loss.item():.4f} - val {val_loss:.4f} - accuracy {val_acc:.4f}")

test_loss, test_acc = evaluate(test_ids, test_y, "test")
writer.close()
texts = [" ".join(s) for s in snippets]
cv = CountVectorizer().fit(texts[:n_train])
nb = MultinomialNB().fit(cv.transform(texts[:n_train]), labels[:n_train])
nb_acc = nb.score(cv.transform(texts[n_train + n_val:]), labels[n_train + n_val:])
print(f"RESULT test_loss={test_loss:.4f} test_acc={test_acc:.4f} naive_bayes_acc={nb_acc:.4f}")
