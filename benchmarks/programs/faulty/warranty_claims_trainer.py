"""Which warranty claims are abusive?  (Simulated claims of a household-appliance maker; about 2 % abusive.)"""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler
from sklearn.metrics import balanced_accuracy_score, recall_score, f1_score
from tb_lossdiag import DiagWriter


def simulate(n, seed):
    r = np.random.default_rng(seed)
    X = r.normal(size=(n, 12)).astype(np.float32)
    bad = r.random(n) < 0.02
    X[bad, 0] += 1.6          # repair cost against list price
    X[bad, 1] -= 1.3          # days since purchase
    X[bad, 2] += 1.2 * np.sign(r.normal(size=bad.sum()))   # distance between shop and owner
    X[bad, 3] += 1.0          # claims by the same workshop
    return torch.from_numpy(X), torch.from_numpy(bad.astype(np.int64))


class Trainer:
    def __init__(self, model, train_loader, val_loader, writer):
        self.model, self.train_loader, self.val_loader, self.writer = model, train_loader, val_loader, writer
        self.opt = torch.optim.Adam(model.parameters(), lr=1e-3)
        self.loss = nn.CrossEntropyLoss()
        writer.watch(model, self.opt, self.loss)

    def train_epoch(self):
        self.model.train()
        tot = 0
        for x, y in self.train_loader:
            self.opt.zero_grad()
            l = self.loss(self.model(x), y)
            l.backward()
            self.opt.step()
            tot += l.item()
        return tot / len(self.train_loader)

    def validate(self):
        self.model.eval()
        P, Y = [], []
        with self.writer.evaluating("val"):
            for x, y in self.val_loader:
                out = self.model(x)
                self.loss(out, y)
                P.append(out.argmax(1)); Y.append(y)
        return torch.cat(P).numpy(), torch.cat(Y).numpy()

    def fit(self, epochs):
        for e in range(epochs):
            l = self.train_epoch()
            p, y = self.validate()
            ba = balanced_accuracy_score(y, p)
            self.writer.add_scalar("val/balanced_accuracy", ba, e)
            print(f"epoch {e} loss {l:.4f} acc {(p == y).mean():.4f} balanced acc {ba:.4f}")
        return p, y


if __name__ == "__main__":
    mode, logdir = sys.argv[1], sys.argv[2]
    torch.set_num_threads(1)
    torch.manual_seed(21)
    Xtr, ytr = simulate(9000, 1)
    Xva, yva = simulate(6000, 2)
    kw = dict(shuffle=True)
    if mode == "fixed":
        weight = 1.0 / torch.bincount(ytr).float()
        kw = dict(sampler=WeightedRandomSampler(weight[ytr].double(), len(ytr)))
    train_loader = DataLoader(TensorDataset(Xtr, ytr), batch_size=64, **kw)
    val_loader = DataLoader(TensorDataset(Xva, yva), batch_size=1000)
    model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Dropout(.2), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 2))
    writer = DiagWriter(logdir)
    p, y = Trainer(model, train_loader, val_loader, writer).fit(8)
    writer.close()
    print("RESULT balanced_acc", round(balanced_accuracy_score(y, p), 4), "recall_abusive", round(recall_score(y, p), 4), "acc", round(float((p == y).mean()), 4))
