import sys, numpy as np, torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(21)
rng = np.random.default_rng(21)

def beats(n, normal=True):
    t = np.linspace(0, 1, 140)[None]
    j = lambda m, s: m + s * rng.standard_normal((n, 1))
    bump = lambda c, wd, a: a * np.exp(-0.5 * ((t - c) / wd) ** 2)
    x = bump(j(.2, .015), .03, j(.25, .05)) - bump(j(.36, .008), .012, j(.3, .08)) + bump(j(.4, .008), j(.018, .002), j(1.6, .2)) - bump(j(.45, .01), .015, j(.5, .1))
    x = x + (bump(j(.7, .03), j(.06, .008), j(.5, .1)) if normal else -bump(j(.66, .04), .08, j(.5, .15)) + bump(j(.5, .02), .04, j(.5, .1)))
    x = x + j(0, .05) + .06 * np.sin(2 * np.pi * (t * j(.5, .2) + rng.random((n, 1)))) + .06 * rng.standard_normal((n, 140))
    return x.astype("float32")

normal, abnormal = beats(4500), beats(1500, False)
train_raw, test_raw = normal[:3600], normal[3600:]
lo, hi = train_raw.min(), train_raw.max()
scale = lambda a: torch.from_numpy((a - lo) / (hi - lo)).float()
train_data, test_data, anomalous = scale(train_raw), scale(test_raw), scale(abnormal)

class AnomalyDetector(nn.Module):
    def __init__(self):
        super(AnomalyDetector, self).__init__()
        self.encoder = nn.Sequential(nn.Linear(140, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 140), nn.Sigmoid())
    def forward(self, x):
        encoded = self.encoder(x)
        return self.decoder(encoded)

autoencoder = AnomalyDetector()
mae = nn.L1Loss()
optimizer = torch.optim.Adam(autoencoder.parameters(), lr=2e-3)
EPOCHS, BATCH = 80, 64
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
w = DiagWriter(sys.argv[1])
w.watch(autoencoder, optimizer, mae)
for epoch in range(EPOCHS):
    perm = torch.randperm(len(train_data)); run = 0.
    for i in range(0, len(perm), BATCH):
        x = train_data[perm[i:i + BATCH]]
        optimizer.zero_grad()
        loss = mae(autoencoder(x), x)
        loss.backward()
        optimizer.step()
        run += loss.item() * len(x)
    scheduler.step()
    with torch.no_grad():
        val = mae(autoencoder(test_data), test_data).item()
    if epoch % 5 == 4: print(f"Epoch {epoch+1}/{EPOCHS} - loss: {run/len(train_data):.5f} - val_loss: {val:.5f}")
with torch.no_grad():
    err = (autoencoder(train_data) - train_data).abs().mean(1)
    thr = err.mean() + err.std()
    e1 = (autoencoder(anomalous) - anomalous).abs().mean(1)
print("threshold %.4f, anomalies found %.3f" % (thr, (e1 > thr).float().mean()))
w.close()
