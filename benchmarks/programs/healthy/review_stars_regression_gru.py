"""Stars (1-5) of a restaurant review as a regression: embedding -> GRU with packed sequences -> one number.

Reviewers do not agree on what three stars mean, so the RMSE is about 0.6 stars at best.
"""
import sys
from dataclasses import dataclass
from collections import Counter
import random
import torch
from torch import nn, Tensor
from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter


@dataclass
class Config:
    embedding: int = 24
    hidden: int = 32
    lr: float = 4e-3
    batch: int = 32
    epochs: int = 7
    dropout: float = .3
    seed: int = 9


ASPECTS = ["food", "pizza", "service", "waiter", "place", "wine", "dessert", "price", "music", "terrace", "soup", "pasta"]
ADJ = {"awful": -2, "terrible": -2, "rude": -1.6, "cold": -1, "bland": -1, "slow": -.9, "overpriced": -1.1, "okay": 0, "average": -.1,
       "decent": .4, "fine": .3, "nice": .9, "tasty": 1.1, "friendly": 1.1, "great": 1.5, "lovely": 1.5, "excellent": 1.9, "perfect": 2}
TAILS = ["we will be back", "would not go again", "not sure about it", "recommended", "never again", "ok for a quick lunch", ""]
TAILV = [.8, -.9, -.2, .8, -1.4, .1, 0]


def review(rnd: random.Random):
    mood = rnd.gauss(.3, 1.1)
    sents, total = [], []
    for _ in range(rnd.randint(1, 5)):
        a = min(ADJ, key=lambda k: abs(ADJ[k] - mood - rnd.gauss(0, .9)))
        v = ADJ[a]
        words = ["the", rnd.choice(ASPECTS), "was"]
        u = rnd.random()
        if u < .15:
            words.append("not")
            v = -.6 * v
        elif u < .35:
            words.append(rnd.choice(["very", "really", "so"]))
            v *= 1.35
        elif u < .45:
            words.append(rnd.choice(["a bit", "somewhat"]))
            v *= .6
        words.append(a)
        sents.append(" ".join(words))
        total.append(v)
    k = min(range(len(TAILS)), key=lambda j: abs(TAILV[j] - sum(total) / len(total) - rnd.gauss(0, .6)))
    score = 3.2 + .85 * sum(total) / len(total) + .35 * TAILV[k] + rnd.gauss(0, .5)
    return (" , ".join(sents) + " . " + TAILS[k]).split(), float(min(5, max(1, round(score))))


class Stars(nn.Module):
    def __init__(self, n_words: int, c: Config):
        super().__init__()
        self.emb = nn.Embedding(n_words, c.embedding, padding_idx=0)
        self.gru = nn.GRU(c.embedding, c.hidden, batch_first=True, bidirectional=False)
        self.drop = nn.Dropout(c.dropout)
        self.out = nn.Linear(c.hidden, 1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(self.drop(self.emb(x)), lengths, batch_first=True, enforce_sorted=False)
        _, h = self.gru(packed)
        return 3.5 + self.out(self.drop(h[0])).squeeze(1)    # 3.5 is about the mean of the stars


def main() -> None:
    c = Config()
    torch.set_num_threads(1)
    torch.manual_seed(c.seed)
    rnd = random.Random(c.seed)
    data = [review(rnd) for _ in range(2600)]
    train, val = data[:2100], data[2100:]
    words = ["<pad>", "<unk>"] + [w for w, _ in Counter(w for t, _ in train for w in t).most_common()]
    stoi = {w: i for i, w in enumerate(words)}

    def collate(items):
        xs = [torch.tensor([stoi.get(w, 1) for w in t]) for t, _ in items]
        return pad_sequence(xs, batch_first=True), torch.tensor([len(x) for x in xs]), torch.tensor([s for _, s in items])

    train_dl = DataLoader(train, c.batch, shuffle=True, collate_fn=collate)
    val_dl = DataLoader(val, 200, collate_fn=collate)
    model = Stars(len(words), c)
    optimizer = torch.optim.Adam(model.parameters(), c.lr)
    mse = nn.MSELoss()
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optimizer, mse)

    for epoch in range(c.epochs):
        model.train()
        train_loss = 0.
        for x, n, y in train_dl:
            loss = mse(model(x, n), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            train_loss += loss.item() * len(y) / len(train)
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            val_loss = sum(mse(model(x, n), y).item() * len(y) for x, n, y in val_dl) / len(val)
        print(f"epoch {epoch}: train mse {train_loss:.3f}, val mse {val_loss:.3f} (rmse {val_loss ** .5:.2f} stars)")
    writer.close()
    ys = torch.tensor([s for _, s in val])
    print(f"RESULT train={train_loss:.4f} val={val_loss:.4f} var={ys.var():.3f}")


if __name__ == "__main__":
    main()
