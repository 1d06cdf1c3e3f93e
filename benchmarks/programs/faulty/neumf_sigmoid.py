import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(2020)
torch.set_num_threads(1)
config = dict(user_num=250, item_num=160, factors=16, num_layers=2, dropout=0.1, lr=3e-3, epochs=8, batch_size=128, num_ng=2)

g = np.random.default_rng(2020)
P, Q = g.normal(size=(config["user_num"], 5)), g.normal(size=(config["item_num"], 5))
aff = P @ Q.T * 1.3 + g.normal(0, .6, (1, config["item_num"])) + g.gumbel(size=(config["user_num"], config["item_num"])) * .5
liked = np.argsort(-aff, 1)[:, :28]
pos_train = [(u, i) for u in range(len(liked)) for i in g.permutation(liked[u])[:22]]
train_set = {u: set() for u in range(config["user_num"])}
for u, i in pos_train:
    train_set[u].add(i)
pos_test = [(u, i) for u in range(len(liked)) for i in liked[u] if i not in train_set[u]]


class PointData(Dataset):
    def __init__(self, pos, ng):
        self.pos, self.ng = pos, ng
        self.ng_sample()

    def ng_sample(self):
        rows = []
        for u, i in self.pos:
            rows.append((u, i, 1.0))
            for _ in range(self.ng):
                j = g.integers(config["item_num"])
                while j in train_set[u]:
                    j = g.integers(config["item_num"])
                rows.append((u, j, 0.0))
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, k):
        u, i, r = self.rows[k]
        return u, int(i), np.float32(r)


class NeuMF(nn.Module):
    def __init__(self, user_num, item_num, factors, num_layers, dropout, **_):
        super().__init__()
        top = factors * 2 ** (num_layers - 1)
        self.u_gmf, self.i_gmf = nn.Embedding(user_num, factors), nn.Embedding(item_num, factors)
        self.u_mlp, self.i_mlp = nn.Embedding(user_num, top), nn.Embedding(item_num, top)
        layers, w = [], top * 2
        for _ in range(num_layers):
            layers += [nn.Dropout(dropout), nn.Linear(w, w // 2), nn.ReLU()]
            w //= 2
        self.mlp = nn.Sequential(*layers)
        self.predict_layer = nn.Linear(factors + w, 1)
        for m in (self.u_gmf, self.i_gmf, self.u_mlp, self.i_mlp):
            nn.init.normal_(m.weight, std=0.05)

    def forward(self, u, i):
        gmf = self.u_gmf(u) * self.i_gmf(i)
        mlp = self.mlp(torch.cat([self.u_mlp(u), self.i_mlp(i)], -1))
        pred = self.predict_layer(torch.cat([gmf, mlp], -1))
        if form == "faulty":
            pred = pred.sigmoid()
        return pred.view(-1)


data = PointData(pos_train, config["num_ng"])
test = PointData(pos_test, config["num_ng"])
tu, ti, tr = (torch.tensor([r[k] for r in test.rows]) for k in range(3))
model = NeuMF(**config)
optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"], weight_decay=1e-5)
criterion = nn.BCEWithLogitsLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(1, config["epochs"] + 1):
    model.train()
    data.ng_sample()
    cur = []
    for u, i, r in DataLoader(data, batch_size=config["batch_size"], shuffle=True):
        model.zero_grad()
        loss = criterion(model(u, i), r)
        loss.backward()
        optimizer.step()
        cur.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        p = model(tu, ti)
        vl = criterion(p, tr.float()).item()
    print(f"[Epoch {epoch:03d}] loss {np.mean(cur):.4f} val {vl:.4f} auc {roc_auc_score(tr, p):.4f}")
writer.close()
