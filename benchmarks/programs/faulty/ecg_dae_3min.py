import sys, numpy as np, torch
import torch.nn as nn, torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(1)
rs = np.random.RandomState(1)
EPOCH, BATCH, LEN = 9, 64, 96
lr = float(sys.argv[3]) if len(sys.argv) > 3 else 0.002

def beats(n):      # ECG-like beats, PQRST as gaussians, rate and shape vary
    t = np.linspace(0, 1, LEN); out = np.zeros((n, LEN), dtype=np.float32)
    for i in range(n):
        c = np.array([.2, .36, .4, .44, .65]) + rs.normal(0, .012, 5) + rs.uniform(-.1, .15)
        w = np.array([.03, .012, .014, .014, .05]) * rs.uniform(.8, 1.3, 5)
        a = np.array([.25, -.2, 1.2, -.35, .4]) * rs.uniform(.6, 1.4, 5)
        for k in range(5): out[i] += a[k] * np.exp(-(t - c[k]) ** 2 / 2 / w[k] ** 2)
        out[i] += .1 * np.sin(2 * np.pi * (t * rs.uniform(.3, 1) + rs.rand()))
    return torch.from_numpy(out)

def add_noise(x):
    noise = torch.randn(x.size()) * 0.3
    return x + noise

class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(LEN, 128), nn.ReLU(), nn.Linear(128, 96), nn.ReLU(), nn.Linear(96, 64))
        self.decoder = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 128), nn.ReLU(), nn.Linear(128, LEN))
    def forward(self, x):
        z = self.encoder(x)
        return z, self.decoder(z)

train_loader = DataLoader(TensorDataset(beats(5000)), batch_size=BATCH, shuffle=True)
clean_val = beats(1000); noisy_val = add_noise(clean_val)
autoencoder = Autoencoder()
optimizer = torch.optim.Adam(autoencoder.parameters(), lr=lr)
criterion = nn.MSELoss()
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 7, .3)
writer = DiagWriter(sys.argv[2]); writer.watch(autoencoder, optimizer, criterion)

def train(autoencoder, train_loader):
    autoencoder.train(); avg = 0
    for (x,) in train_loader:
        if sys.argv[1] == "faulty":
            x = add_noise(x)          # add noise to the input
            noisy_x = x.view(-1, LEN)
            y = x.view(-1, LEN)
        else:
            noisy_x = add_noise(x).view(-1, LEN)
            y = x.view(-1, LEN)
        encoded, decoded = autoencoder(noisy_x)
        loss = criterion(decoded, y)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        avg += loss.item()
    return avg / len(train_loader)

for epoch in range(1, EPOCH + 1):
    loss = train(autoencoder, train_loader)
    autoencoder.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = criterion(autoencoder(noisy_val)[1], clean_val).item()
    scheduler.step()
    print("[Epoch %d] train %.4f  denoised vs clean %.4f" % (epoch, loss, v))
writer.close()
print(f"RESULT train {loss:.4f} val {v:.4f} noise_power {F.mse_loss(noisy_val, clean_val).item():.4f}")
