import sys
import numpy as np
import torch
import torch.nn as nn
from torch.optim.swa_utils import AveragedModel, update_bn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import make_classification
from tb_lossdiag import DiagWriter

torch.manual_seed(0)
torch.set_num_threads(1)
X, y = make_classification(6000, 20, n_informative=20, n_redundant=0, n_classes=4, n_clusters_per_class=3, class_sep=1.6, random_state=3, flip_y=0.02)
X = ((X - X.mean(0)) / X.std(0)).astype('float32')
tr = TensorDataset(torch.tensor(X[:4500]), torch.tensor(y[:4500]))
va = TensorDataset(torch.tensor(X[4500:]), torch.tensor(y[4500:]))
train_loader, val_loader = DataLoader(tr, 64, shuffle=True, drop_last=True), DataLoader(va, 500)

model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(.2),
                      nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(.2), nn.Linear(64, 4))
swa_model = AveragedModel(model)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
CYCLE = 3 * len(train_loader)
scheduler = torch.optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.002, max_lr=0.15, step_size_up=1, step_size_down=CYCLE - 1, cycle_momentum=False)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def evaluate(m):
    m.eval()
    l, c = 0, 0
    with torch.no_grad():
        for xb, yb in val_loader:
            o = m(xb)
            l += criterion(o, yb).item() / len(val_loader)
            c += (o.argmax(1) == yb).sum().item()
    return l, c / len(va)


for epoch in range(18):
    model.train()
    s = 0
    for xb, yb in train_loader:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        s += loss.item() / len(train_loader)
    with writer.evaluating("val"):
        v = evaluate(model)
    if epoch % 3 == 2:
        if epoch >= 5:
            swa_model.update_parameters(model)
        print('epoch %d train %.4f val %.4f acc %.4f' % (epoch + 1, s, *v))
update_bn(train_loader, swa_model)
print('SWA  val %.4f acc %.4f' % evaluate(swa_model))
writer.close()
