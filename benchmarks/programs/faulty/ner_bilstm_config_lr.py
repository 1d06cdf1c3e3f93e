"""Named entities in short news lines: words + capital flag -> BiLSTM -> softmax over tags."""
import sys
import random
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class Config:
    # embeddings
    dim_word = 32
    hidden_size_lstm = 40
    dropout = 0.2
    # training
    nepochs = 5
    batch_size = 20
    lr_method = "rmsprop"
    lr = 0.1 if sys.argv[1] == "faulty" else 0.003
    clip = -1           # if negative, no clipping
    dir_output = sys.argv[2]


TAGS = ["O", "PER", "LOC", "ORG"]
rnd = random.Random(4)
first = ["Anna", "Paul", "Jordan", "Chelsea", "Victoria", "Ivan", "Maria", "Paris", "Austin", "Carla", "Tom", "Lena"]
last = ["Washington", "Meyer", "Ford", "Lopez", "Smith", "Dell", "Houston", "Lincoln", "Okafor", "Novak"]
places = ["Paris", "Jordan", "Austin", "Houston", "Washington", "Lincoln", "Berlin", "Lima", "Oslo", "Victoria", "Chelsea"]
orgs = ["Ford", "Dell", "Chelsea", "Reuters", "Siemens", "Shell", "Lincoln", "Nestle", "Meyer"]
fill = "the a new big old officials said on Monday that talks about prices with some people were held again yesterday".split()
verbs = "met visited bought left beat praised sued called".split()


def name():
    w = [(rnd.choice(first), "PER")]
    if rnd.random() < .6:
        w.append((rnd.choice(last), "PER"))
    return w


def line():
    out = [(rnd.choice(fill), "O") for _ in range(rnd.randint(0, 3))]
    who = name() if rnd.random() < .6 else [(rnd.choice(orgs), "ORG")]
    out += who + [(rnd.choice(verbs), "O")]
    k = rnd.random()
    if k < .35:
        out += [(rnd.choice(places), "LOC")]
    elif k < .65:
        out += [(rnd.choice(orgs), "ORG")] + ([("shares", "O")] if rnd.random() < .5 else [])
    else:
        out += name()
    if rnd.random() < .6:
        out += [("in", "O"), (rnd.choice(places), "LOC")]
    out += [(rnd.choice(fill), "O") for _ in range(rnd.randint(0, 5))]
    if rnd.random() < .25:      # headline style
        out = [(w.upper(), t) for w, t in out]
    return [(w, t if rnd.random() > .02 else rnd.choice(TAGS)) for w, t in out]


lines = [line() for _ in range(2400)]
vocab = {"<pad>": 0}
for l in lines:
    for w, _ in l:
        vocab.setdefault(w.lower(), len(vocab))


def to_ids(l):
    return (torch.tensor([vocab[w.lower()] for w, _ in l]),
            torch.tensor([float(w[0].isupper()) + float(w.isupper()) for w, _ in l]),
            torch.tensor([TAGS.index(t) for _, t in l]))


def minibatches(data, bs, shuffle=True):
    idx = list(range(len(data)))
    if shuffle:
        random.shuffle(idx)
    for i in range(0, len(idx), bs):
        b = [data[j] for j in idx[i:i + bs]]
        yield (pad_sequence([x[0] for x in b], batch_first=True),
               pad_sequence([x[1] for x in b], batch_first=True),
               pad_sequence([x[2] for x in b], batch_first=True, padding_value=-100))


class NERModel(nn.Module):
    def __init__(self, config, nwords, ntags):
        super().__init__()
        self.word_embeddings = nn.Embedding(nwords, config.dim_word, padding_idx=0)
        self.dropout = nn.Dropout(config.dropout)
        self.bi_lstm = nn.LSTM(config.dim_word + 1, config.hidden_size_lstm, batch_first=True, bidirectional=True)
        self.proj = nn.Linear(2 * config.hidden_size_lstm, ntags)

    def forward(self, words, caps):
        x = torch.cat([self.word_embeddings(words), caps.unsqueeze(2)], 2)
        out, _ = self.bi_lstm(self.dropout(x))
        return self.proj(self.dropout(out))


def tag_loss(scores, labels):
    return F.cross_entropy(scores.transpose(1, 2), labels, ignore_index=-100)


if __name__ == "__main__":
    random.seed(0)
    torch.manual_seed(0)
    config = Config()
    data = [to_ids(l) for l in lines]
    train, dev = data[:1800], data[1800:]
    model = NERModel(config, len(vocab), len(TAGS))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=config.lr)
    writer = DiagWriter(config.dir_output)
    writer.watch(model, optimizer, tag_loss)
    for epoch in range(config.nepochs):
        model.train()
        total = 0.
        for i, (w, c, y) in enumerate(minibatches(train, config.batch_size)):
            optimizer.zero_grad()
            loss = writer.loss_fn(model(w, c), y)
            loss.backward()
            if config.clip > 0:
                nn.utils.clip_grad_norm_(model.parameters(), config.clip)
            optimizer.step()
            total += loss.item()
        model.eval()
        accs, losses = [], []
        with torch.no_grad(), writer.evaluating("val"):
            for w, c, y in minibatches(dev, 100, shuffle=False):
                s = model(w, c)
                losses.append(writer.loss_fn(s, y).item())
                ok = (s.argmax(2) == y)[y >= 0]
                accs += ok.tolist()
        print(f"Epoch {epoch + 1} out of {config.nepochs}: train loss {total / (i + 1):.5f} - dev loss {np.mean(losses):.4f} acc {100 * np.mean(accs):.2f}")
    writer.close()
    print(f"RESULT val_loss={np.mean(losses):.4f} acc={np.mean(accs):.4f}")
