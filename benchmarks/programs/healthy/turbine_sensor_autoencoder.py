# Normal behaviour model of a wind turbine: autoencoder over 18 SCADA channels, anomalies by reconstruction error
import sys
import numpy as np
import torch
from torch import nn
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(17)
rng = np.random.default_rng(17)
N_SENSORS, N_STATES = 18, 4
W1, W2 = rng.normal(0, 1, (N_STATES, 12)), rng.normal(0, .55, (12, N_SENSORS))
offset, gain = rng.uniform(-50, 300, N_SENSORS), 10 ** rng.uniform(-1, 2, N_SENSORS)


def scada(n):
    state = rng.normal(0, 1, (n, N_STATES))          # wind, ambient temperature, pitch, load
    clean = np.tanh(state @ W1 * .7) @ W2
    return offset + gain * (clean + rng.normal(0, .3, clean.shape))


train_raw, val_raw, test_ok, test_bad = scada(8000), scada(1500), scada(800), scada(200)
for row in test_bad:                                  # a sensor drifts
    j = rng.integers(N_SENSORS)
    row[j] += gain[j] * rng.choice([-1, 1]) * rng.uniform(1, 3)
mu, sigma = train_raw.mean(0), train_raw.std(0)
to_t = lambda a: torch.as_tensor((a - mu) / sigma, dtype=torch.float32)
x_train, x_val, x_test = to_t(train_raw), to_t(val_raw), to_t(np.vstack([test_ok, test_bad]))


class AutoEncoder(nn.Module):
    def __init__(self, d=N_SENSORS, h=32, code=4):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(d, h), nn.ELU(), nn.Linear(h, code))
        self.dec = nn.Sequential(nn.Linear(code, h), nn.ELU(), nn.Linear(h, d))

    def forward(self, x):
        return self.dec(self.enc(x))


ae = AutoEncoder()
mse = nn.MSELoss()
optim = torch.optim.Adam(ae.parameters(), lr=1.5e-2)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optim, 40)
writer = DiagWriter(sys.argv[1])
writer.watch(ae, optim, mse)
for epoch in range(40):
    ae.train()
    acc_loss = 0.
    for b in torch.randperm(len(x_train)).split(100):
        xb = x_train[b]
        loss = mse(ae(xb), xb)
        optim.zero_grad()
        loss.backward()
        optim.step()
        acc_loss += loss.item() * len(b)
    sched.step()
    ae.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = mse(ae(x_val), x_val).item()
    if (epoch + 1) % 4 == 0:
        print("epoch", epoch + 1, "train", round(acc_loss / len(x_train), 4), "val", round(v, 4))
with torch.no_grad():
    score = ((ae(x_test) - x_test) ** 2).max(1).values
auc = roc_auc_score(np.r_[np.zeros(800), np.ones(200)], score)
writer.close()
pca = np.linalg.svd(x_train.numpy(), compute_uv=False)[4:] ** 2
print(f"RESULT train {acc_loss / len(x_train):.4f} val {v:.4f} pca4 {pca.sum() / x_train.numel():.4f} auc {auc:.4f}")
