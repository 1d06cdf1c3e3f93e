# Reconstruction-based anomaly detection: the auto-encoder sees normal transactions only
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

torch.manual_seed(9); rng = np.random.RandomState(9); torch.set_num_threads(1)
DIM, LATENT, N = 28, 5, 4000
mix = rng.randn(LATENT, DIM) / np.sqrt(LATENT)


def normal_rows(n):
    z = rng.randn(n, LATENT)
    return z @ mix + .15 * np.tanh(z ** 2 - 1) @ mix[::-1] + .6 * rng.randn(n, DIM)


normal, fraud = normal_rows(N + 1000), rng.randn(60, DIM) * 1.3
sc = StandardScaler().fit(normal[:N])
prep = lambda a: torch.tensor(sc.transform(a), dtype=torch.float32)
x_train, x_val, x_fraud = prep(normal[:N]), prep(normal[N:]), prep(fraud)


class AutoEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(DIM, 32), nn.ELU(), nn.Linear(32, LATENT))
        self.dec = nn.Sequential(nn.Linear(LATENT, 32), nn.ELU(), nn.Linear(32, DIM))

    def forward(self, x):
        return self.dec(self.enc(x))


ae, criterion = AutoEncoder(), nn.MSELoss()
optimizer = torch.optim.Adam(ae.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 6, .4)
loader = DataLoader(x_train, batch_size=128, shuffle=True)
writer = DiagWriter(sys.argv[1])
writer.watch(ae, optimizer, criterion)
for epoch in range(24):
    ae.train()
    losses = []
    for xb in loader:
        loss = criterion(ae(xb), xb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    ae.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            v = criterion(ae(x_val), x_val).item()
        if epoch % 6 == 5:
            s = torch.cat([((ae(a) - a) ** 2).mean(1) for a in (x_val, x_fraud)]).numpy()
            print('epoch %d train %.4f val %.4f auc %.4f' % (epoch + 1, np.mean(losses), v, roc_auc_score(np.r_[np.zeros(1000), np.ones(60)], s)))
u, sv, _ = torch.linalg.svd(x_train, full_matrices=False)
print('best linear (PCA 5) train error %.4f' % ((sv[LATENT:] ** 2).sum() / x_train.numel()).item())
writer.close()
