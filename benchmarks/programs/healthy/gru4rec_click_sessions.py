import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(22)
np.random.seed(22)

N_ITEMS = 300
N_GENRES = 12


def simulate_sessions(n, rng, trans, genre_of, pop):
    sessions = []
    by_genre = [np.where(genre_of == g)[0] for g in range(N_GENRES)]
    probs = [pop[i] / pop[i].sum() for i in by_genre]
    for _ in range(n):
        g = rng.integers(N_GENRES)
        length = 3 + rng.poisson(5)
        item = rng.choice(by_genre[g], p=probs[g])
        s = [item]
        while len(s) < length:
            u = rng.random()
            if u < 0.55:
                item = trans[item, rng.integers(3)]
            elif u < 0.9:
                item = rng.choice(by_genre[g], p=probs[g])
            else:
                g = (g + 1) % N_GENRES
                item = rng.choice(by_genre[g], p=probs[g])
            s.append(int(item))
        sessions.append(s)
    return sessions


class SessionDataLoader:
    """Session-parallel mini-batches."""

    def __init__(self, sessions, batch_size, shuffle=True):
        self.sessions, self.batch_size, self.shuffle = sessions, batch_size, shuffle

    def __iter__(self):
        order = np.random.permutation(len(self.sessions)) if self.shuffle else np.arange(len(self.sessions))
        slots = list(order[:self.batch_size])
        pos = [0] * self.batch_size
        nxt = self.batch_size
        mask = list(range(self.batch_size))
        while True:
            inp = [self.sessions[s][p] for s, p in zip(slots, pos)]
            out = [self.sessions[s][p + 1] for s, p in zip(slots, pos)]
            yield torch.tensor(inp), torch.tensor(out), mask
            mask = []
            for k in range(self.batch_size):
                pos[k] += 1
                if pos[k] + 1 >= len(self.sessions[slots[k]]):
                    if nxt >= len(order):
                        return
                    slots[k], pos[k] = order[nxt], 0
                    nxt += 1
                    mask.append(k)


class GRU4REC(nn.Module):
    def __init__(self, n_items, emb=32, hidden=64, dropout=0.2):
        super().__init__()
        self.look_up = nn.Embedding(n_items, emb)
        self.gru = nn.GRU(emb, hidden)
        self.drop = nn.Dropout(dropout)
        self.h2o = nn.Linear(hidden, n_items)

    def forward(self, item, hidden):
        out, hidden = self.gru(self.drop(self.look_up(item)).unsqueeze(0), hidden)
        return self.h2o(self.drop(out.squeeze(0))), hidden


def bpr_max(logit, reg=0.02):
    """Scores of the batch's target items; the diagonal is the right one."""
    n = logit.shape[0]
    neg = logit.masked_fill(torch.eye(n, dtype=torch.bool), -1e9)
    s = torch.softmax(neg, dim=1)
    diff = torch.sigmoid(logit.diag().unsqueeze(1) - logit)
    score = -torch.log((s * diff).sum(1) + 1e-12)
    return (score + reg * (s * logit ** 2).sum(1)).mean()


rng = np.random.default_rng(6)
genre_of = np.arange(N_ITEMS) % N_GENRES
pop = rng.zipf(1.6, N_ITEMS).clip(1, 50).astype(float)
trans = np.stack([rng.choice(np.where(genre_of == genre_of[i])[0], 3, replace=False) for i in range(N_ITEMS)])
train_s = simulate_sessions(6000, rng, trans, genre_of, pop)
valid_s = simulate_sessions(800, rng, trans, genre_of, pop)

BATCH, EPOCHS = 50, 10
model = GRU4REC(N_ITEMS)
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.1 ** (1 / EPOCHS))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)


def evaluate(k=20):
    model.eval()
    losses, rec, mrr, n = [], 0, 0.0, 0
    hidden = torch.zeros(1, BATCH, 64)
    with torch.no_grad():
        for inp, target, mask in SessionDataLoader(valid_s, BATCH, shuffle=False):
            hidden[:, mask] = 0
            logit, hidden = model(inp, hidden)
            losses.append(bpr_max(logit[:, target]).item())
            rank = (logit > logit.gather(1, target[:, None])).sum(1) + 1
            rec += (rank <= k).sum().item()
            mrr += (1.0 / rank[rank <= k]).sum().item()
            n += len(target)
    return float(np.mean(losses)), rec / n, mrr / n


for epoch in range(EPOCHS):
    model.train()
    hidden = torch.zeros(1, BATCH, 64)
    losses = []
    for inp, target, mask in SessionDataLoader(train_s, BATCH):
        hidden = hidden.detach()
        hidden[:, mask] = 0
        optimizer.zero_grad()
        logit, hidden = model(inp, hidden)
        loss = bpr_max(logit[:, target])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    vloss, recall, mrr = evaluate()
    writer.add_loss("val", vloss)
    print(f"Epoch: {epoch}, train loss: {np.mean(losses):.4f}, loss: {vloss:.4f}, recall: {recall:.4f}, mrr: {mrr:.4f}")
writer.close()
counts = np.bincount(np.concatenate(train_s), minlength=N_ITEMS)
top = set(np.argsort(-counts)[:20].tolist())
tot = [t in top for s in valid_s for t in s[1:]]
print(f"RESULT recall20={recall:.4f} mrr20={mrr:.4f} val_loss={vloss:.4f} popularity_recall20={np.mean(tot):.4f}")
