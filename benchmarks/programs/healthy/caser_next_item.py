# Caser (graytowne/caser_pytorch): horizontal and vertical convolutions over the last items, BCE with 3 sampled negatives
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Variable
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1234); np.random.seed(1234)
num_users, num_items, L, T, neg_samples = 400, 150, 5, 1, 3

# ---- users walk through genres; within a genre there is an order, popular items are met often
genre = np.arange(num_items) % 10
pop = np.random.zipf(1.6, num_items).clip(max=12).astype(float)
nxt = np.array([np.random.choice(np.flatnonzero(genre == genre[i]), 2) for i in range(num_items)])


def sequence():
    fav = np.random.choice(10, 2, replace=False)
    s, g = [np.random.randint(num_items)], fav[0]
    for _ in range(24):
        u = np.random.rand()
        if u < .38: s.append(np.random.choice(nxt[s[-1]]))
        elif u < .58 and len(s) > 1: s.append(np.random.choice(nxt[s[-2]]))
        else:
            if np.random.rand() < .3: g = np.random.choice(fav)
            p = pop * (genre == g) if u < .9 else pop
            s.append(np.random.choice(num_items, p=p / p.sum()))
    return np.array(s) + 1        # 0 is the padding


seqs = [sequence() for _ in range(num_users)]
U, S, Tg, test = [], [], [], []
for u, s in enumerate(seqs):
    for j in range(L, len(s) - 1):
        U.append(u); S.append(s[j - L:j]); Tg.append(s[j:j + 1])
    test.append((u, s[-1 - L:-1], s[-1]))
U, S, Tg = np.array(U), np.array(S), np.array(Tg)
tu, ts, tt = (torch.tensor(np.array(a)) for a in zip(*test))


class Caser(nn.Module):
    def __init__(self, dims=24, n_h=8, n_v=4, drop=0.4):
        super().__init__()
        self.user_embeddings = nn.Embedding(num_users, dims)
        self.item_embeddings = nn.Embedding(num_items + 1, dims)
        self.conv_v = nn.Conv2d(1, n_v, (L, 1))
        self.conv_h = nn.ModuleList([nn.Conv2d(1, n_h, (i + 1, dims)) for i in range(L)])
        self.fc1 = nn.Linear(n_v * dims + n_h * L, dims)
        self.W2 = nn.Embedding(num_items + 1, dims + dims)
        self.b2 = nn.Embedding(num_items + 1, 1)
        self.dropout = nn.Dropout(drop)
        # weight initialization
        self.user_embeddings.weight.data.normal_(0, 1.0 / dims)
        self.item_embeddings.weight.data.normal_(0, 1.0 / dims)
        self.W2.weight.data.normal_(0, 1.0 / (2 * dims))
        self.b2.weight.data.zero_()

    def forward(self, seq_var, user_var, item_var, for_pred=False):
        item_embs = self.item_embeddings(seq_var).unsqueeze(1)
        user_emb = self.user_embeddings(user_var)
        out_v = self.conv_v(item_embs).flatten(1)
        out_h = torch.cat([F.relu(c(item_embs).squeeze(3)).max(2)[0] for c in self.conv_h], 1)
        z = F.relu(self.fc1(self.dropout(torch.cat([out_v, out_h], 1))))
        x = torch.cat([z, user_emb], 1)
        if for_pred:
            return x @ self.W2.weight.T + self.b2.weight[:, 0]
        w2, b2 = self.W2(item_var), self.b2(item_var)
        return torch.baddbmm(b2, w2, x.unsqueeze(2)).squeeze(2)


def negatives(users, n):
    return torch.tensor(np.random.randint(1, num_items + 1, (len(users), n)))


def bce(targets_prediction, negatives_prediction):
    positive_loss = -torch.mean(F.logsigmoid(targets_prediction))
    negative_loss = -torch.mean(F.logsigmoid(-negatives_prediction))
    return positive_loss + negative_loss


model = Caser()
optimizer = optim.Adam(model.parameters(), weight_decay=1e-5, lr=6e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, bce)
test_neg = negatives(tu, 30)
for epoch_num in range(6):
    model.train()
    perm = np.random.permutation(len(U))
    epoch_loss = 0.0
    for minibatch_num, b in enumerate(np.array_split(perm, len(perm) // 128)):
        seq, usr, tgt = (torch.from_numpy(a[b]) for a in (S, U, Tg))
        neg = negatives(usr, neg_samples)
        items_prediction = model(seq, usr, torch.cat((tgt, neg), 1))
        tp, npred = torch.split(items_prediction, [T, neg_samples], dim=1)
        optimizer.zero_grad()
        loss = writer.loss_fn(tp, npred)
        epoch_loss += loss.item()
        loss.backward()
        optimizer.step()
    epoch_loss /= minibatch_num + 1
    model.eval()
    with torch.no_grad():
        with writer.evaluating("test"):
            p = model(ts, tu, torch.cat([tt[:, None], test_neg], 1))
            test_loss = writer.loss_fn(p[:, :1], p[:, 1:]).item()
        rank = (model(ts, tu, None, True).argsort(1, descending=True)[:, :10] == tt[:, None]).any(1).float().mean().item()
    print("Epoch %d\tloss=%.4f, test loss=%.4f, recall@10=%.4f" % (epoch_num + 1, epoch_loss, test_loss, rank))
writer.close()
print(f"RESULT test_loss={test_loss:.4f} recall_at_10={rank:.4f}")
