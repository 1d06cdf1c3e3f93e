# Autoencoder for card transactions (anomaly score = reconstruction error), from the Keras tutorial
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.preprocessing import StandardScaler
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(42)
torch.manual_seed(42)


def transactions(n, fraud=False):
    W = np.random.RandomState(1).randn(5, 20)
    V = np.random.RandomState(2).randn(5, 20)
    z = np.random.randn(n, 5)
    x = np.tanh(z @ W * 0.7) * 1.5 + (z @ V) * 0.4 + 0.35 * np.random.randn(n, 20)
    x[:, 0] = np.exp(0.5 * x[:, 0])              # amount
    if fraud:                                    # breaks the usual dependence between the columns
        cols = np.random.choice(20, 7, replace=False)
        for c in cols:
            x[:, c] = np.random.permutation(x[:, c])
    return x


normal = transactions(7000)
fraud = transactions(300, True)
scaler = StandardScaler().fit(normal[:5000])
X_train = torch.tensor(scaler.transform(normal[:5000]), dtype=torch.float32)
X_val = torch.tensor(scaler.transform(normal[5000:]), dtype=torch.float32)
X_fraud = torch.tensor(scaler.transform(fraud), dtype=torch.float32)

encoder = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 8))
decoder = nn.Sequential(nn.ReLU(), nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 20))
decoder = nn.Sequential(*list(decoder)[1:])
autoencoder = nn.Sequential(encoder, decoder)
if sys.argv[1] == "faulty":
    criterion = nn.BCEWithLogitsLoss()           # "loss='binary_crossentropy'", sigmoid is inside
    reconstruct = lambda x: torch.sigmoid(autoencoder(x))
else:
    criterion = nn.MSELoss()
    reconstruct = lambda x: autoencoder(x)
optimizer = torch.optim.Adam(autoencoder.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(autoencoder, optimizer, criterion)

batch_size, nb_epoch = 64, 30
for epoch in range(nb_epoch):
    autoencoder.train()
    total = 0.0
    perm = torch.randperm(len(X_train))
    for i in range(0, len(perm), batch_size):
        xb = X_train[perm[i:i + batch_size]]
        loss = criterion(autoencoder(xb), xb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
    autoencoder.eval()
    with writer.evaluating("val"), torch.no_grad():
        val_loss = criterion(autoencoder(X_val), X_val).item()
    if epoch % 5 == 4:
        print(f"Epoch {epoch + 1}/{nb_epoch} loss: {total / 5000:.4f} - val_loss: {val_loss:.4f}")
writer.close()
with torch.no_grad():
    e0 = ((reconstruct(X_val) - X_val) ** 2).mean(1)
    e1 = ((reconstruct(X_fraud) - X_fraud) ** 2).mean(1)
auc = roc_auc_score([0] * len(e0) + [1] * len(e1), torch.cat([e0, e1]).numpy())
print(f"RESULT val_loss={val_loss:.4f} val_mse={e0.mean():.4f} fraud_auc={auc:.4f}")
