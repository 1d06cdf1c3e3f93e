import sys, time
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2020)
rs = np.random.RandomState(2020)

# ------- ad log: 8 categorical fields, click rate about 7 %
FIELDS = [30, 20, 12, 8, 24, 7, 5, 40]
N = 40000
X = np.stack([np.minimum(rs.geometric(2.5 / f, N) - 1, f - 1) for f in FIELDS], 1)
bias = [rs.randn(f) * .45 for f in FIELDS]
inter = [rs.randn(f, 3) * .45 for f in FIELDS]
lin = sum(b[X[:, i]] for i, b in enumerate(bias))
v = np.stack([e[X[:, i]] for i, e in enumerate(inter)], 1)
lin = lin + .5 * ((v.sum(1) ** 2).sum(1) - (v ** 2).sum((1, 2)))
logit = lin - np.percentile(lin, 50) - 3.2
Y = (rs.rand(N) < 1 / (1 + np.exp(-logit))).astype('float32')
bayes = -np.mean(Y * np.log(1 / (1 + np.exp(-logit))) + (1 - Y) * np.log(1 - 1 / (1 + np.exp(-logit))))


class DeepFM(nn.Module):
    def __init__(self, field_dims, embed_dim=4, mlp_dims=(32, 16), dropout=0.2):
        super().__init__()
        self.offsets = torch.tensor([0] + list(np.cumsum(field_dims)[:-1]))
        self.linear = nn.Embedding(sum(field_dims), 1)
        self.bias = nn.Parameter(torch.zeros(1))
        self.embedding = nn.Embedding(sum(field_dims), embed_dim)
        nn.init.xavier_uniform_(self.embedding.weight)
        nn.init.zeros_(self.linear.weight)
        layers, d = [], len(field_dims) * embed_dim
        for m in mlp_dims:
            layers += [nn.Linear(d, m), nn.BatchNorm1d(m), nn.ReLU(), nn.Dropout(dropout)]
            d = m
        self.mlp = nn.Sequential(*layers, nn.Linear(d, 1))

    def forward(self, x):
        x = x + self.offsets
        e = self.embedding(x)
        fm = .5 * (e.sum(1) ** 2 - (e ** 2).sum(1)).sum(1)
        return self.bias + self.linear(x).sum((1, 2)) + fm + self.mlp(e.flatten(1)).squeeze(1)


ds = TensorDataset(torch.tensor(X), torch.tensor(Y))
train_dl = DataLoader(torch.utils.data.Subset(ds, range(32000)), batch_size=256, shuffle=True)
valid_dl = DataLoader(torch.utils.data.Subset(ds, range(32000, N)), batch_size=2000)
model = DeepFM(FIELDS)
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3, weight_decay=1e-5)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion, train_loader=train_dl)
print('click rate %.4f  bayes logloss %.4f' % (Y.mean(), bayes))
for epoch_i in range(7):
    model.train()
    tot = 0
    for fields, target in train_dl:
        loss = criterion(model(fields), target)
        model.zero_grad()
        loss.backward()
        optimizer.step()
        tot += loss.item()
    model.eval()
    ps, ls = [], []
    with torch.no_grad(), writer.evaluating("val"):
        for fields, target in valid_dl:
            out = model(fields)
            ls.append(criterion(out, target).item()); ps.append(out)
    print('epoch:', epoch_i, 'train: %.4f' % (tot / len(train_dl)), 'valid logloss: %.4f' % np.mean(ls),
          'auc: %.4f' % roc_auc_score(Y[32000:], torch.cat(ps).numpy()))
writer.close()
