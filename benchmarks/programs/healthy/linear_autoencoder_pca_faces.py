# "Autoencoders and PCA": course notebook.  A linear autoencoder with squared error finds the span of the principal
# components, so there is no activation function anywhere; the yardstick is scikit-learn's PCA with as many components.
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.decomposition import PCA
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)
rng = np.random.RandomState(6)


def faces(n, s=16):
    """cartoon faces with light from one side, 16x16, drawn smoothly so that they vary along few directions"""
    yy, xx = np.mgrid[-1:1:s * 1j, -1:1:s * 1j]
    out = []
    for _ in range(n):
        w, eye, gap, mouth, curve, light, tilt = rng.randn(7)
        head = 1 / (1 + np.exp(9 * ((xx / (.72 + .06 * w)) ** 2 + (yy / .9) ** 2 - 1)))
        img = head * (.65 + .25 * light * xx + .08 * tilt * yy)
        for side in (-1, 1):
            img -= (.38 + .08 * eye) * np.exp(-((xx - side * (.34 + .05 * gap)) ** 2 + (yy + .25) ** 2) / .03)
        img -= .4 * np.exp(-((yy - .45 - .05 * mouth + .25 * curve * xx ** 2) / .1) ** 2 - (xx / .4) ** 2)
        out.append(img.ravel() + .05 * rng.randn(s * s))
    return np.array(out, dtype=np.float32)


K = 6
X_train, X_test = faces(1600), faces(400)
mean = X_train.mean(0)
pca = PCA(K).fit(X_train)
pca_error = ((pca.inverse_transform(pca.transform(X_test)) - X_test) ** 2).mean()
scale = X_train.std()
x_train = torch.from_numpy((X_train - mean) / scale)
x_test = torch.from_numpy((X_test - mean) / scale)

encoder = nn.Linear(256, K, bias=False)
decoder = nn.Linear(K, 256, bias=False)
autoencoder = nn.Sequential(encoder, decoder)
mse = nn.MSELoss()
optimizer = torch.optim.Adam(autoencoder.parameters(), lr=4e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 18)

writer = DiagWriter(sys.argv[1])
writer.watch(autoencoder, optimizer, mse)
for epoch in range(18):
    total = 0.0
    for batch in x_train[torch.randperm(len(x_train))].split(50):
        optimizer.zero_grad()
        loss = mse(autoencoder(batch), batch)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    scheduler.step()
    with torch.no_grad(), writer.evaluating("test"):
        test = mse(autoencoder(x_test), x_test).item()
    if epoch % 3 == 2:
        print(f"epoch {epoch + 1:2d}: train {total / len(x_train):.5f}  test {test:.5f}  (PCA {pca_error / scale ** 2:.5f})")
writer.close()

# the angle between the two subspaces
q, _ = torch.linalg.qr(decoder.weight.detach())
cosines = torch.linalg.svdvals(q.T @ torch.from_numpy(pca.components_.T.astype(np.float32)))
print(f"RESULT train={total / len(x_train):.5f} test={test:.5f} pca_test={pca_error / scale ** 2:.5f} smallest_cosine={cosines.min():.3f}")
