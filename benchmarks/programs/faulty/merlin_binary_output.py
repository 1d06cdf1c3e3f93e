import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
rng = np.random.default_rng(75)
torch.manual_seed(75)
torch.set_num_threads(1)

CARDINALITY = {"user_id": 40, "item_id": 60, "category": 12, "hour": 24}


class Clicks(Dataset):
    world = None

    def __init__(self, n):
        if Clicks.world is None:
            Clicks.world = {"u": rng.normal(0, 1, (40, 3)), "i": rng.normal(0, 1, (60, 3)),
                            "c": rng.normal(0, 0.7, 12), "b": rng.normal(0, 0.5, 60)}
        w = Clicks.world
        self.cat = {k: rng.integers(0, v, n) for k, v in CARDINALITY.items()}
        self.cat["category"] = self.cat["item_id"] % 12
        price = rng.lognormal(0, 0.5, n)
        u, i = self.cat["user_id"], self.cat["item_id"]
        logit = (w["u"][u] * w["i"][i]).sum(1) * 0.9 + w["c"][i % 12] + w["b"][i] - 0.6 * np.log(price) \
            + 0.4 * np.sin(self.cat["hour"] / 24 * 2 * np.pi) - 1.2
        self.y = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype("float32")
        self.dense = np.column_stack([np.log(price), np.cos(self.cat["hour"] / 24 * 2 * np.pi)]).astype("float32")

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        batch = {k: int(v[i]) for k, v in self.cat.items()}
        batch["dense"] = self.dense[i]
        return batch, self.y[i]


class DLRMModel(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.tables = nn.ModuleDict({k: nn.Embedding(v, dim) for k, v in CARDINALITY.items()})
        for t in self.tables.values():
            nn.init.normal_(t.weight, std=0.3)
        self.bottom = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, dim))
        self.top = nn.Sequential(nn.Linear(10 + dim, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU())
        self.output = BinaryOutput(16)

    def forward(self, batch):
        dense = self.bottom(batch["dense"])
        vectors = torch.stack([self.tables[k](batch[k]) for k in CARDINALITY] + [dense], 1)
        dots = vectors @ vectors.transpose(1, 2)
        r, c = torch.triu_indices(5, 5, 1)
        return self.output(self.top(torch.cat([dots[:, r, c], dense], 1)))


class BinaryOutput(nn.Module):
    def __init__(self, n_in, default_loss=nn.BCEWithLogitsLoss if form == "faulty" else nn.BCELoss):
        super().__init__()
        self.to_call = nn.Sequential(nn.Linear(n_in, 1), nn.Sigmoid())
        self.default_loss = default_loss

    def forward(self, x):
        return self.to_call(x).squeeze(1)


train_loader = DataLoader(Clicks(14000), batch_size=128, shuffle=True)
val_loader = DataLoader(Clicks(3000), batch_size=1000)
model = DLRMModel()
loss_fn = model.output.default_loss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3, weight_decay=1e-5)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn, train_loader=train_loader)
for epoch in range(6):
    model.train()
    for batch, y in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(batch), y)
        loss.backward()
        optimizer.step()
    probs, ys = [], []
    with writer.evaluating("val"):
        for batch, y in val_loader:
            p = model(batch)
            loss_fn(p, y)
            probs.append(p)
            ys.append(y)
    p, y = torch.cat(probs).double().clamp(1e-6, 1 - 1e-6).numpy(), torch.cat(ys).numpy()
    logloss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    auc = roc_auc_score(y, p)
    print(f"epoch {epoch} loss {loss.item():.4f} val logloss {logloss:.4f} auc {auc:.4f}")
writer.close()
print(f"RESULT val logloss {logloss:.4f} auc {auc:.4f} click rate {y.mean():.3f} mean prediction {p.mean():.3f}")
