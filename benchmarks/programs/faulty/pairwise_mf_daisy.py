"""Matrix factorisation on implicit feedback with point-wise cross-entropy, after daisyRec (MF, loss_type CL)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(2022)
rs = np.random.RandomState(2022)

USERS, ITEMS, TOPICS = 400, 300, 6
taste = rs.dirichlet(np.full(TOPICS, 0.25), USERS)
kind = rs.dirichlet(np.full(TOPICS, 0.2), ITEMS)
pop = rs.gamma(2.0, 0.5, ITEMS)
aff = (taste @ kind.T) ** 2 * pop
aff /= aff.sum(1, keepdims=True)
seen = [rs.choice(ITEMS, 44, replace=False, p=p) for p in aff]
train_pos = [s[:40] for s in seen]
test_pos = [s[40:] for s in seen]


def sample(pos, num_ng):
    u, i, r = [], [], []
    for user in range(USERS):
        forbidden = set(seen[user])
        for item in pos[user]:
            u.append(user), i.append(item), r.append(1.0)
            for _ in range(num_ng):
                j = rs.randint(ITEMS)
                while j in forbidden:
                    j = rs.randint(ITEMS)
                u.append(user), i.append(j), r.append(0.0)
    return torch.tensor(u), torch.tensor(np.array(i)), torch.tensor(r)


class PointMF(nn.Module):
    def __init__(self, user_num, item_num, factors=16, epochs=6, lr=0.004, wd=1e-5):
        super().__init__()
        self.embed_user = nn.Embedding(user_num, factors)
        self.embed_item = nn.Embedding(item_num, factors)
        self.u_bias, self.i_bias = nn.Embedding(user_num, 1), nn.Embedding(item_num, 1)
        self.bias_ = nn.Parameter(torch.zeros(1))
        nn.init.normal_(self.embed_user.weight, std=0.1)
        nn.init.normal_(self.embed_item.weight, std=0.1)
        nn.init.zeros_(self.u_bias.weight)
        nn.init.zeros_(self.i_bias.weight)
        self.epochs, self.lr, self.wd = epochs, lr, wd

    def forward(self, user, item):
        pred = (self.embed_user(user) * self.embed_item(item)).sum(-1)
        pred = pred + self.u_bias(user).squeeze(-1) + self.i_bias(item).squeeze(-1) + self.bias_
        return torch.sigmoid(pred) if form == "faulty" else pred

    def fit(self, train_loader, val):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.lr, weight_decay=self.wd)
        criterion = nn.BCEWithLogitsLoss()
        writer = DiagWriter(logdir)
        writer.watch(self, optimizer, criterion)
        for epoch in range(1, self.epochs + 1):
            self.train()
            current_loss = 0.0
            for user, item, label in train_loader:
                self.zero_grad()
                loss = criterion(self.forward(user, item), label)
                loss.backward()
                optimizer.step()
                current_loss += loss.item()
            with writer.evaluating("val"):
                v = criterion(self.forward(val[0], val[1]), val[2]).item()
            print(f"[Epoch {epoch:03d}] loss {current_loss / len(train_loader):.4f} val {v:.4f} HR@10 {hit_rate(self):.3f}")
        writer.close()


def hit_rate(model, k=10):
    with torch.no_grad():
        u, i = torch.meshgrid(torch.arange(USERS), torch.arange(ITEMS), indexing="ij")
        s = model(u.flatten(), i.flatten()).view(USERS, ITEMS).numpy().copy()
    s[np.arange(USERS)[:, None], np.array(train_pos)] = -np.inf
    top = np.argsort(-s, 1)[:, :k]
    return np.mean([len(set(t) & set(p)) / len(p) for t, p in zip(top, test_pos)])


train_set = TensorDataset(*sample(train_pos, 4))
val = sample(test_pos, 4)
model = PointMF(USERS, ITEMS)
model.fit(DataLoader(train_set, batch_size=256, shuffle=True), val)
print("RESULT HR@10 %.3f" % hit_rate(model))
