import sys
import os
import numpy as np
import torch
import torch.nn as nn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.decomposition import TruncatedSVD
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class Trainer:
    """Generic trainer: keeps the best checkpoint (in memory here), early stopping, history."""

    def __init__(self, model, optimizer, criterion, patience=2, logdir=None):
        self.model = model
        self.optimizer = optimizer
        self.criterion = criterion
        self.patience = patience
        self.writer = DiagWriter(logdir)
        self.writer.watch(model, optimizer, criterion)
        self.best_state, self.best_loss, self.bad = None, float("inf"), 0
        self.history = []

    def _step(self, batch):
        x, y = batch
        self.optimizer.zero_grad()
        out = self.model(x)
        loss = self.criterion(out, y)
        loss.backward()
        self.optimizer.step()
        return loss.item(), (out.argmax(1) == y).sum().item()

    def _validate(self, loader):
        self.model.eval()
        loss = hits = n = 0
        with self.writer.evaluating("val"):
            with torch.no_grad():
                for x, y in loader:
                    out = self.model(x)
                    loss += self.criterion(out, y).item() * len(y)
                    hits += (out.argmax(1) == y).sum().item()
                    n += len(y)
        return loss / n, hits / n

    def train(self, train_loader, val_loader, max_epochs):
        for epoch in range(max_epochs):
            self.model.train()
            loss = hits = n = 0
            for batch in train_loader:
                l, h = self._step(batch)
                loss += l * len(batch[1]); hits += h; n += len(batch[1])
            vl, va = self._validate(val_loader)
            self.history.append((loss / n, hits / n, vl, va))
            print(f"Epoch {epoch:02d} | loss {loss / n:.4f} acc {hits / n:.3f} | val_loss {vl:.4f} val_acc {va:.3f}")
            if vl < self.best_loss - 1e-4:
                self.best_loss, self.bad = vl, 0
                self.best_state = {k: v.clone() for k, v in self.model.state_dict().items()}
            else:
                self.bad += 1
                if self.bad > self.patience:
                    print("Early stopping.")
                    break
        self.model.load_state_dict(self.best_state)
        self.writer.close()


GENRES = ["comedy", "drama", "horror", "scifi", "western", "crime"]
MOTIFS = {
    "comedy": "wedding roommate mix-up party boss awkward prank disguise vacation bachelor talent inheritance neighbour dog",
    "drama": "illness family father divorce grief letter village war memory forgiveness poverty teacher exile silence",
    "horror": "house cabin possessed ghost killer basement doll ritual blood night scream curse cemetery fog",
    "scifi": "planet robot future colony alien ship virus clone android signal orbit laboratory time experiment",
    "western": "sheriff ranch gold outlaw saloon duel horse railroad stagecoach frontier bounty cattle desert widow",
    "crime": "detective heist murder gang undercover police money witness prison killer drug mafia corrupt boss",
}
FUNC = "a an the young old must finds who with his her when after before into small town friends family secret discovers love life past gets and but of to".split()


def plots(n, rng):
    texts, ys = [], []
    for _ in range(n):
        y = rng.integers(6)
        second = rng.integers(6)
        k = rng.integers(2, 6)
        w = list(rng.choice(MOTIFS[GENRES[y]].split(), k)) + list(rng.choice(MOTIFS[GENRES[second]].split(), rng.integers(1, 4)))
        w += list(rng.choice(FUNC, rng.integers(10, 20)))
        rng.shuffle(w)
        texts.append(" ".join(w)); ys.append(y)
    return texts, np.array(ys)


def loader(X, y, bs, shuffle):
    ds = torch.utils.data.TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(y))
    return torch.utils.data.DataLoader(ds, bs, shuffle=shuffle)


if __name__ == "__main__":
    torch.manual_seed(77)
    rng = np.random.default_rng(77)
    tr_t, tr_y = plots(4500, rng)
    va_t, va_y = plots(800, rng)
    tf = TfidfVectorizer(sublinear_tf=True)
    svd = TruncatedSVD(60, random_state=0)
    tr_x = svd.fit_transform(tf.fit_transform(tr_t))
    va_x = svd.transform(tf.transform(va_t))
    scale = tr_x.std()                    # lsa components are about 0.1
    model = nn.Sequential(nn.Linear(60, 48), nn.Tanh(), nn.Dropout(.5), nn.Linear(48, 6))
    trainer = Trainer(model, torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-3), nn.CrossEntropyLoss(), logdir=sys.argv[1])
    trainer.train(loader(tr_x / scale, tr_y, 32, True), loader(va_x / scale, va_y, 400, False), max_epochs=15)
    h = trainer.history[-1]
    print(f"RESULT train={h[0]:.4f} val={h[2]:.4f} acc={h[3]:.3f} best={trainer.best_loss:.4f}")
