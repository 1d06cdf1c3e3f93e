"""Fraudulent transactions: 28 columns -> autoencoder codes (5) -> dense net; predicts all zero (SO question, port)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import confusion_matrix, roc_auc_score
from sklearn.model_selection import train_test_split
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(11)
rng = np.random.RandomState(11)

# codes of the 28 transaction columns (5 numbers each, standardised), 0.25 % fraud
n, n_fraud = 120000, 300
codes = rng.randn(n, 5).astype(np.float32)
codes[:, 2] += 0.4 * codes[:, 0] * codes[:, 1]
labels = np.zeros(n, dtype=np.float32)
labels[:n_fraud] = 1
direction = np.array([1.2, -0.9, 0.3, 1.0, -0.6], dtype=np.float32)
codes[:n_fraud] += direction
codes = (codes - codes.mean(0)) / codes.std(0)
x_train, x_test, y_train, y_test = train_test_split(codes, labels, test_size=0.25, stratify=labels, random_state=0)

train_loader = DataLoader(TensorDataset(torch.tensor(x_train), torch.tensor(y_train)), batch_size=256, shuffle=True)
x_test_t, y_test_t = torch.tensor(x_test), torch.tensor(y_test)

model = nn.Sequential(nn.Linear(5, 10), nn.ReLU(), nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 1))
if mode == "fixed":
    pos_weight = torch.tensor((y_train == 0).sum() / (y_train == 1).sum())
    criterion = nn.BCEWithLogitsLoss(pos_weight=pos_weight)
else:
    criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(1, 16):
    model.train()
    losses = []
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb).squeeze(1), yb)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logits = model(x_test_t).squeeze(1)
        val_loss = criterion(logits, y_test_t).item()
    pred = (logits > 0).int().numpy()
    if epoch % 5 == 0:
        print(f"epoch {epoch}: loss {np.mean(losses):.4f} val_loss {val_loss:.4f} "
              f"acc {(pred == y_test).mean():.4f} auc {roc_auc_score(y_test, logits.numpy()):.3f}")
print("Confusion matrix:", confusion_matrix(y_test, pred).tolist())
writer.close()
