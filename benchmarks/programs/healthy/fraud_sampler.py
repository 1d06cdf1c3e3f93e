import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, recall_score
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler
from tb_lossdiag import DiagWriter

torch.manual_seed(31); np.random.seed(31); torch.set_num_threads(1)
X, y = make_classification(20000, 16, n_informative=10, n_redundant=4, n_clusters_per_class=2, weights=[.97], class_sep=1.2, flip_y=.002, random_state=31)
X = ((X - X[:15000].mean(0)) / X[:15000].std(0)).astype('float32')
X, y = torch.tensor(X), torch.tensor(y, dtype=torch.float32)
x_tr, y_tr, x_va, y_va = X[:15000], y[:15000], X[15000:], y[15000:]
pos = y_tr.mean().item()
sampler = WeightedRandomSampler(torch.where(y_tr == 1, .5 / pos, .5 / (1 - pos)), 9000, replacement=True)
train_dl = DataLoader(TensorDataset(x_tr, y_tr), batch_size=128, sampler=sampler)
# every validation row counts as in the balanced sampling
bce = nn.BCEWithLogitsLoss(reduction='none')
w_va = torch.where(y_va == 1, .5 / pos, .5 / (1 - pos))


class FraudNet(nn.Module):
    def __init__(self, p=.3):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(16, 48), nn.LayerNorm(48), nn.GELU(), nn.Dropout(p),
                                    nn.Linear(48, 48), nn.LayerNorm(48), nn.GELU(), nn.Dropout(p), nn.Linear(48, 1))

    def forward(self, x):
        return self.layers(x).squeeze(-1)


model = FraudNet()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-1)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
print('positives: train %.3f val %.3f' % (pos, y_va.mean()))
for epoch in range(10):
    model.train()
    tot = 0
    for xb, yb in train_dl:
        loss = bce(model(xb), yb).mean()
        writer.add_loss("train", loss)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        tot += loss.item() / len(train_dl)
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(x_va)
        v = (bce(out, y_va) * w_va).mean()
        writer.add_loss("val", v)
    if epoch % 3 == 0:
        print('epoch %d train %.4f val %.4f AP %.3f recall %.3f' % (
            epoch, tot, v, average_precision_score(y_va, out), recall_score(y_va, out > 0)))
writer.close()
