"""Sentiment of reviews: Embedding(vocab, 4) -> LSTM(units=1) -> Dense(1)"""
import sys, re, random
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(17); np.random.seed(17); torch.manual_seed(17)
FAULTY = sys.argv[1] == "faulty"

NEUTRAL = ("the a film movie of and in it to was with plot story scene actor actress director music camera ending minutes time "
           "this that is on for as at from by an his her they one two some very quite first last i we you screen script").split()
POS = "great lovely moving funny superb charming brilliant enjoyable touching fine clever gripping".split()
NEG = "dull awful boring weak stupid terrible flat tedious annoying poor clumsy pointless".split()


def review():
    label = random.random() < .5
    words = []
    for _ in range(random.randint(18, 36)):
        r = random.random()
        if r < .17:
            good = label if random.random() < .76 else not label
            w = random.choice(POS if good else NEG)
            if random.random() < .2:                      # "not great"
                words.append("not"); w = random.choice(NEG if good else POS)
            words.append(w)
        else:
            words.append(random.choice(NEUTRAL))
    return words, int(label)


docs = [review() for _ in range(2600)]
vocab = {w: i + 1 for i, w in enumerate(sorted({w for d, _ in docs for w in d}))}
sentence_len_max = 40
term_idx = np.zeros((len(docs), sentence_len_max), dtype=np.int64)
for i, (d, _) in enumerate(docs):
    ids = [vocab[w] for w in d][-sentence_len_max:]
    term_idx[i, -len(ids):] = ids                         # pad_sequences: in front
y = np.array([l for _, l in docs])
Xtr, ytr, Xva, yva = [torch.from_numpy(a) for a in (term_idx[:2000], y[:2000], term_idx[2000:], y[2000:])]


class Net(nn.Module):
    def __init__(self, vocab_size, word_embed_vector_size=4, units=1):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, word_embed_vector_size)
        nn.init.uniform_(self.emb.weight, -.05, .05)
        self.lstm = nn.LSTM(word_embed_vector_size, units, batch_first=True)
        self.fc = nn.Linear(units, 1)

    def forward(self, x):
        _, (h, _) = self.lstm(self.emb(x))
        out = self.fc(h[-1])
        return F.softmax(out, dim=-1) if FAULTY else torch.sigmoid(out)


model = Net(len(vocab) + 1) if FAULTY else Net(len(vocab) + 1, 16, 32)


def binary_crossentropy(p, t):
    return F.binary_cross_entropy(p.squeeze(1).clamp(1e-7, 1 - 1e-7), t.float())


optimizer = torch.optim.Adam(model.parameters(), lr=0.0025)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, binary_crossentropy)
for epoch in range(12):
    order = np.random.permutation(len(Xtr))
    tl = ta = 0
    for i in range(0, len(order), 32):
        b = order[i:i + 32]
        optimizer.zero_grad()
        p = model(Xtr[b])
        loss = writer.loss_fn(p, ytr[b])
        loss.backward()
        optimizer.step()
        tl += loss.item() * len(b); ta += ((p[:, 0] > .5).long() == ytr[b]).sum().item()
    with torch.no_grad(), writer.evaluating("val"):
        p = model(Xva)
        vl = writer.loss_fn(p, yva).item()
    va = ((p[:, 0] > .5).long() == yva).float().mean().item()
    print(f"Epoch {epoch + 1}/12 loss {tl / len(Xtr):.4f} acc {ta / len(Xtr):.4f} val_loss {vl:.4f} val_acc {va:.4f}")
writer.close()
print(f"RESULT val_loss={vl:.4f} val_acc={va:.4f}")
