# Otto Group Product Classification (Kaggle), the usual "log1p + MLP with dropout" kernel
import sys
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
SEED = 2015; np.random.seed(SEED); torch.manual_seed(SEED)

# 93 count features, 9 classes, shares as in the competition
share = np.array([.031, .261, .129, .044, .044, .228, .046, .137, .080]); share /= share.sum()
def otto(n):
    y = np.random.choice(9, n, p=share)
    R = np.random.RandomState(1)
    base = R.gamma(.5, .5, 93)
    prof = base[None, None] * np.exp(R.normal(0, .55, (9, 1, 93)) + R.normal(0, .8, (9, 3, 93)))
    prof[2] = .5 * prof[2] + .5 * prof[1]; prof[3] = .4 * prof[3] + .6 * prof[1]                    # classes 2, 3 and 4 look alike
    lam = prof[y, np.random.randint(0, 3, n)] * np.random.gamma(1.2, 1 / 1.2, (n, 93))
    return np.random.poisson(lam).astype(np.float32), y
X, y = otto(9000)
X = np.log1p(X)
X_train, X_valid, y_train, y_valid = train_test_split(X, y, test_size=0.15, stratify=y, random_state=SEED)
sc = StandardScaler().fit(X_train)
T = lambda a, b: TensorDataset(torch.tensor(sc.transform(a), dtype=torch.float32), torch.tensor(b))
train_dl, valid_dl = DataLoader(T(X_train, y_train), 128, shuffle=True), DataLoader(T(X_valid, y_valid), 512)

net = nn.Sequential(nn.Dropout(0.1), nn.Linear(93, 128), nn.BatchNorm1d(128), nn.PReLU(), nn.Dropout(0.5),
                    nn.Linear(128, 128), nn.BatchNorm1d(128), nn.PReLU(), nn.Dropout(0.5), nn.Linear(128, 9))
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
writer = DiagWriter(sys.argv[1]); writer.watch(net, opt, F.cross_entropy)
best = np.inf
for epoch in range(20):
    net.train(); tl = 0
    for xb, yb in train_dl:
        loss = F.cross_entropy(net(xb), yb)
        loss.backward(); opt.step(); opt.zero_grad()
        tl += loss.item() / len(train_dl)
    net.eval()
    with writer.evaluating('val'):
        out = torch.cat([net(xb) for xb, _ in valid_dl]); vy = torch.tensor(y_valid)
        vl = F.cross_entropy(out, vy).item(); acc = (out.argmax(1) == vy).float().mean().item()
    best = min(best, vl)
    print(f'{epoch:3d} train {tl:.4f} valid {vl:.4f} acc {acc:.4f}')
writer.close()
from sklearn.linear_model import LogisticRegression
lr_ = LogisticRegression(max_iter=300, C=.1).fit(sc.transform(X_train), y_train)
from sklearn.metrics import log_loss
print(f'RESULT train(dropout) {tl:.4f} valid {vl:.4f} best {best:.4f} acc {acc:.4f} (logistic regression {log_loss(y_valid, lr_.predict_proba(sc.transform(X_valid))):.4f})')
