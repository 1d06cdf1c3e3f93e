import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2023)
np.random.seed(2023)


def listens(n_users=1500, n_items=240, k=8):
    taste = np.random.dirichlet(np.full(k, 0.25), n_users)
    topic = np.random.dirichlet(np.full(k, 0.3), n_items)
    pop = np.random.gumbel(0, 0.7, n_items)
    logits = 3.5 * taste @ (topic.T * k) / 2 + pop
    n = 10 + np.random.poisson(20, n_users)
    R = np.zeros((n_users, n_items), np.float32)
    for u in range(n_users):
        g = logits[u] + np.random.gumbel(size=n_items)
        R[u, np.argsort(-g)[:n[u]]] = 1
    return R


def split(R, frac=0.2):
    train, test = R.copy(), np.zeros_like(R)
    for u in range(len(R)):
        items = np.where(R[u])[0]
        out = np.random.choice(items, max(1, int(frac * len(items))), replace=False)
        train[u, out], test[u, out] = 0, 1
    return train, test


class UserRows(Dataset):
    def __init__(self, R, negatives=3):
        self.R, self.negatives = torch.from_numpy(R), negatives

    def __len__(self):
        return len(self.R)

    def __getitem__(self, u):
        r = self.R[u]
        w = r.clone()
        zeros = torch.where(r == 0)[0]
        pick = zeros[torch.randperm(len(zeros))[:int(self.negatives * r.sum())]]
        w[pick] = 1
        return u, r, w


class CDAE(nn.Module):
    def __init__(self, n_users, n_items, hidden=48, corruption=0.4):
        super().__init__()
        self.user_embedding = nn.Embedding(n_users, hidden)
        self.encoder = nn.Linear(n_items, hidden)
        self.decoder = nn.Linear(hidden, n_items)
        self.corruption = nn.Dropout(corruption)
        nn.init.normal_(self.user_embedding.weight, std=0.02)
        nn.init.xavier_uniform_(self.encoder.weight)
        nn.init.xavier_uniform_(self.decoder.weight)

    def forward(self, user_id, rating):
        h = torch.sigmoid(self.encoder(self.corruption(rating)) + self.user_embedding(user_id))
        return self.decoder(h)


def masked_bce(scores, target, weight):
    return nn.functional.binary_cross_entropy_with_logits(scores, target, weight=weight, reduction="sum") / weight.sum()


def ndcg_at(scores, train, test, k=10):
    scores = np.where(train > 0, -1e9, scores)
    top = np.argsort(-scores, 1)[:, :k]
    disc = 1 / np.log2(np.arange(2, k + 2))
    gain = (np.take_along_axis(test, top, 1) * disc).sum(1)
    ideal = np.array([disc[:min(k, int(n))].sum() for n in test.sum(1)])
    return float((gain / ideal).mean())


R = listens()
train, test = split(R)
loader = DataLoader(UserRows(train), batch_size=64, shuffle=True)
gen = np.random.default_rng(0)
val_w = torch.from_numpy(np.where(test > 0, 1, (train == 0) * (gen.random(test.shape) < 0.08)).astype(np.float32))
test_t, train_t = torch.from_numpy(test), torch.from_numpy(train)
all_users = torch.arange(len(R))

model = CDAE(*R.shape)
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
N_EPOCH = 25
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
for epoch in range(N_EPOCH):
    model.train()
    total = 0.0
    for user, rating, weight in loader:
        optimizer.zero_grad()
        penalty = 1e-4 * sum((m.weight ** 2).sum() for m in (model.encoder, model.decoder))
        fit = masked_bce(model(user, rating), rating, weight)
        (fit + penalty).backward()
        optimizer.step()
        total += fit.item()
    model.eval()
    with torch.no_grad():
        scores = model(all_users, train_t)
        v = masked_bce(scores, test_t, val_w)
        writer.add_loss("val", v)
    n10 = ndcg_at(scores.numpy(), train, test)
    if epoch % 4 == 0 or epoch == N_EPOCH - 1:
        print("[CDAE] epoch %2d loss %.4f val %.4f NDCG@10 %.4f" % (epoch, total / len(loader), v.item(), n10))
writer.close()
popular = ndcg_at(np.tile(train.sum(0), (len(R), 1)), train, test)
print(f"RESULT ndcg10={n10:.4f} val_bce={v.item():.4f} popularity_ndcg10={popular:.4f}")
