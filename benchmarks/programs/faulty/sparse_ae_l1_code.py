# Sparse autoencoder on digits: L1 activity penalty on the 64 unit code
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(0)

input_dim, encoding_dim, sparsity_weight = 256, 64, 3e-3 if form == "faulty" else 1e-4
d = load_digits()
x = torch.tensor(d.images / 16.0, dtype=torch.float32)[:, None]
x = F.interpolate(x, size=(16, 16), mode="bilinear", align_corners=False).view(-1, input_dim)   # as 16 x 16 pictures
order = torch.randperm(len(x))
x, y = x[order], torch.tensor(d.target)[order]
x_train, x_test, y_train, y_test = x[:1400], x[1400:], y[:1400], y[1400:]
print("shapes", tuple(x_train.shape), tuple(x_test.shape))


class SparseAutoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(input_dim, 128), nn.ReLU(), nn.Linear(128, encoding_dim), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(encoding_dim, 128), nn.ReLU(), nn.Linear(128, input_dim), nn.Sigmoid())

    def forward(self, x):
        h = self.encoder(x)
        return self.decoder(h), h


autoencoder = SparseAutoencoder()
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(autoencoder.parameters(), lr=2e-3)
writer = DiagWriter(LOGDIR)
writer.watch(autoencoder, optimizer, criterion)

batch_size, epochs = 64, 70
for epoch in range(epochs):
    perm = torch.randperm(len(x_train))
    tot = 0.0
    for i in range(0, len(perm), batch_size):
        b = x_train[perm[i:i + batch_size]]
        recon, h = autoencoder(b)
        loss = criterion(recon, b) + sparsity_weight * h.abs().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(b)
    if (epoch + 1) % 7 == 0:
        with torch.no_grad():
            r, h = autoencoder(x_test)
            v = criterion(r, x_test).item() + sparsity_weight * h.abs().sum(1).mean().item()
        print("Epoch %d/%d - loss: %.4f - val_loss: %.4f - val mse: %.5f - active code units: %.1f" % (
            epoch + 1, epochs, tot / len(x_train), v, F.mse_loss(r, x_test).item(), (h > 1e-3).float().sum(1).mean().item()))

with torch.no_grad():
    htr, hte = autoencoder.encoder(x_train), autoencoder.encoder(x_test)
clf = LogisticRegression(max_iter=500).fit(htr.numpy(), y_train)
print("digit accuracy from the code: %.4f" % clf.score(hte.numpy(), y_test))
writer.close()
