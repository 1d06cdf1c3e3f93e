"""Natural Language Processing with Disaster Tweets: embedding + bidirectional GRU (Kaggle notebook, tweets made up)."""
import re
import sys
from collections import Counter

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset, random_split

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(7)
rng = np.random.default_rng(7)

KEYWORDS = "fire flood earthquake crash storm explosion wreck ablaze collapse evacuation landslide derailed hostage smoke sinking".split()
PLACES = "california nepal york manila texas tokyo lagos oslo kent mumbai peru quebec cairo".split()
REAL = ["{n} dead after {k} in {p}", "{k} near {p} residents told to leave", "breaking {k} reported on highway {n} {p}",
        "crews respond to {k} at {p} school", "{p} {k} leaves {n} injured police say", "update {k} {p} power out for {n} homes",
        "officials confirm {k} outside {p}", "rescue teams search for {n} missing after {p} {k}", "video shows {k} spreading in {p}"]
FAKE = ["this song is {k} omg", "my heart is {k} rn lol", "that exam was a total {k}", "my mixtape is {k} {n}",
        "i am a {k} on the dance floor", "her outfit is {k} love it", "{k} of emotions watching {p} game", "new {k} hoodie from {p} only {n} bucks",
        "feeling like a {k} this monday"]
BOTH = ["omg {k} in {p}", "{k} {k} {k} {p}", "just saw {k} from my window in {p}", "anyone else see the {k} {n}", "{k} again really", "pray for {p} {k}"]
FILL = "the a so just now today we they people like via http amp please look all night got going still been what why".split()
RARE = [f"user{i}" for i in range(400)]


def make_tweet():
    y = int(rng.random() < .43)
    t = BOTH if rng.random() < .25 else (REAL if y else FAKE)
    s = t[rng.integers(len(t))].format(k=KEYWORDS[min(int(rng.gamma(2, 2.2 if y else 3.5)), 14)], p=PLACES[rng.integers(13)], n=rng.integers(2, 60)).split()
    s = [w for w in s if rng.random() > .12]
    for _ in range(rng.poisson(4)):
        s.insert(rng.integers(len(s) + 1), FILL[rng.integers(len(FILL))])
    if rng.random() < .5:
        s.insert(0, "@" + RARE[rng.integers(len(RARE))])
    return " ".join(s), (1 - y if rng.random() < .05 else y)


tweets = [make_tweet() for _ in range(7613)]
tokenize = lambda s: re.findall(r"@?\w+", re.sub(r"\d+", "<num>", s.lower()))
counter = Counter(w for s, _ in tweets for w in tokenize(s))
vocab = {w: i + 2 for i, (w, c) in enumerate(counter.most_common()) if c >= 3}      # 0 = <pad>, 1 = <unk>


class TweetDataset(Dataset):
    def __init__(self, items):
        self.items = [(torch.tensor([vocab.get(w, 1) for w in tokenize(s)] or [1]), y) for s, y in items]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    x, y = zip(*batch)
    return pad_sequence(x, batch_first=True), torch.tensor([len(t) for t in x]), torch.tensor(y, dtype=torch.float)


class TweetClassifier(nn.Module):
    def __init__(self, n_vocab, emb_dim=32, hidden=32):
        super().__init__()
        self.embedding = nn.Embedding(n_vocab, emb_dim, padding_idx=0)
        self.gru = nn.GRU(emb_dim, hidden, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(2 * hidden, 1)

    def forward(self, x, lengths):
        e = self.drop(self.embedding(x))
        packed = nn.utils.rnn.pack_padded_sequence(e, lengths, batch_first=True, enforce_sorted=False)
        _, h = self.gru(packed)
        return self.fc(self.drop(torch.cat([h[0], h[1]], 1))).squeeze(1)


train_set, val_set = random_split(TweetDataset(tweets), [6090, 1523])
train_loader = DataLoader(train_set, batch_size=64, shuffle=True, collate_fn=collate)
val_loader = DataLoader(val_set, batch_size=256, collate_fn=collate)
model = TweetClassifier(len(vocab) + 2)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.BCEWithLogitsLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def run_epoch(loader, training):
    model.train(training)
    tot = cor = n = 0
    with torch.set_grad_enabled(training):
        for x, l, y in loader:
            out = model(x, l)
            loss = criterion(out, y)
            if training:
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                optimizer.step()
            tot += loss.item() * len(y)
            cor += ((out > 0) == (y > .5)).sum().item()
            n += len(y)
    return tot / n, cor / n


num_epochs = 5
for epoch in range(1, num_epochs + 1):
    tl, ta = run_epoch(train_loader, True)
    with writer.evaluating("val"):
        vl, va = run_epoch(val_loader, False)
    print(f"epoch {epoch}: train {tl:.4f}/{ta:.3f}  val {vl:.4f}/{va:.3f}")
writer.close()
print(f"RESULT train {tl:.4f} {ta:.3f} val {vl:.4f} {va:.3f}")
