"""Tanzanian water points ("Pump it Up", DrivenData): functional / needs repair / broken.
Tabular net: embeddings for the categorical columns, BatchNorm for the numeric ones. (data simulated)"""
import sys
import time
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def get_data(n=6000, seed=11):
    g = np.random.RandomState(seed)
    cards = {"extraction": 12, "payment": 6, "quantity": 5, "source": 8, "region": 21, "installer": 40}
    cat = {}
    region_wet = g.randn(21)
    cat["region"] = g.randint(0, 21, n)
    cat["quantity"] = np.clip(np.round(1.8 + .6 * region_wet[cat["region"]] + g.randn(n)), 0, 4).astype(int)
    cat["extraction"] = g.choice(12, n, p=np.array([30, 18, 12, 9, 8, 6, 5, 4, 3, 2, 2, 1]) / 100)
    cat["payment"] = g.choice(6, n, p=[.42, .16, .15, .1, .1, .07])
    cat["source"] = g.choice(8, n)
    zipf = 1 / np.arange(1, 41)
    cat["installer"] = g.choice(40, n, p=zipf / zipf.sum())
    age = np.where(g.rand(n) < .3, 0, g.gamma(2., 8., n))          # 0: construction year unknown
    population = np.round(np.where(g.rand(n) < .35, 0, np.exp(g.randn(n) * 1.1 + 4.8)))
    gps = np.clip(g.randn(n) * 690 + 670, -60, 2700)
    tsh = np.where(g.rand(n) < .7, 0, np.exp(g.randn(n) * 1.3 + 5.5))
    e1, e2, e3 = g.randn(12) * .8, g.randn(6) * .6, g.randn(40) * .5
    dry = np.array([2.6, .8, -.2, -.6, -.8])
    broken = -.6 + dry[cat["quantity"]] + e1[cat["extraction"]] + e2[cat["payment"]] + e3[cat["installer"]] + .055 * age + .3 * (age == 0) \
        + .35 * region_wet[cat["region"]] * (gps > 1000)
    repair = -1.9 + .7 * e1[::-1][cat["extraction"]] + .02 * age + .25 * np.log1p(tsh) / 3
    logits = np.stack([np.zeros(n), repair, broken], 1)
    y = (logits + g.gumbel(size=(n, 3))).argmax(1)
    X_cat = np.stack([cat[k] for k in cards], 1)
    X_num = np.stack([age, np.log1p(population), gps, np.log1p(tsh), age == 0], 1)
    return X_cat, X_num.astype(np.float32), y, list(cards.values())


class TabularModel(nn.Module):

    def __init__(self, emb_szs, n_cont, out_sz, layers, p=0.3):
        super().__init__()
        self.embeds = nn.ModuleList([nn.Embedding(ni, nf) for ni, nf in emb_szs])
        self.emb_drop = nn.Dropout(p)
        self.bn_cont = nn.BatchNorm1d(n_cont)
        layerlist = []
        n_in = sum(nf for _, nf in emb_szs) + n_cont
        for i in layers:
            layerlist.append(nn.Linear(n_in, i))
            layerlist.append(nn.ReLU(inplace=True))
            layerlist.append(nn.BatchNorm1d(i))
            layerlist.append(nn.Dropout(p))
            n_in = i
        layerlist.append(nn.Linear(layers[-1], out_sz))
        self.layers = nn.Sequential(*layerlist)

    def forward(self, x_cat, x_cont):
        embeddings = []
        for i, e in enumerate(self.embeds):
            embeddings.append(e(x_cat[:, i]))
        x = torch.cat(embeddings, 1)
        x = self.emb_drop(x)
        x_cont = self.bn_cont(x_cont)
        x = torch.cat([x, x_cont], 1)
        return self.layers(x)


torch.manual_seed(33)
X_cat, X_num, y, cards = get_data()
emb_szs = [(size, min(50, (size + 1) // 2)) for size in cards]
print("emb_szs", emb_szs, "classes", np.bincount(y) / len(y))
b = int(len(y) * .8)
tensors = lambda s: TensorDataset(torch.tensor(X_cat[s]).long(), torch.tensor(X_num[s]), torch.tensor(y[s]).long())
train_dl = DataLoader(tensors(slice(0, b)), batch_size=128, shuffle=True, drop_last=True)
valid_dl = DataLoader(tensors(slice(b, None)), batch_size=600)

model = TabularModel(emb_szs, X_num.shape[1], 3, [64, 32], p=0.25)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

start_time = time.time()
epochs = 16
losses = []
for i in range(epochs):
    i += 1
    model.train()
    acc_loss = []
    for xc, xn, yb in train_dl:
        y_pred = model(xc, xn)
        loss = criterion(y_pred, yb)
        acc_loss.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    losses.append(np.mean(acc_loss))
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        vloss, hits = 0., 0
        for xc, xn, yb in valid_dl:
            y_val = model(xc, xn)
            vloss += criterion(y_val, yb).item() * len(yb)
            hits += (y_val.argmax(1) == yb).sum().item()
    vloss, vacc = vloss / (len(y) - b), hits / (len(y) - b)
    if i % 4 == 1:
        print(f'epoch: {i:3}  loss: {losses[-1]:10.8f}  val: {vloss:.5f}  acc: {vacc:.4f}')
print(f'Duration: {time.time() - start_time:.0f} seconds')
writer.close()
print(f"RESULT train {losses[-1]:.4f} val_loss {vloss:.4f} val_acc {vacc:.4f} majority {np.bincount(y).max() / len(y):.3f}")
