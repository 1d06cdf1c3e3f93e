# Crop recommendation: N, P, K, temperature, humidity, ph, rainfall -> one of 22 crops, 100 rows each
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)
crops = "rice maize chickpea kidneybeans pigeonpeas mothbeans mungbean blackgram lentil pomegranate banana mango grapes watermelon muskmelon apple orange papaya coconut cotton jute coffee".split()
centre = np.c_[np.random.choice([20, 40, 80, 100, 120], 22), np.random.choice([15, 40, 60, 80, 130], 22), np.random.choice([20, 40, 50, 80, 200], 22),
               np.random.uniform(18, 30, 22), np.random.choice([18, 50, 65, 82, 92], 22), np.random.uniform(5.8, 7.3, 22), np.random.uniform(45, 230, 22)]
spread = np.array([12, 7, 4, 3.2, 6, .45, 22.])
y = np.repeat(np.arange(22), 100)
X = centre[y] + np.random.randn(len(y), 7) * spread
X = (X - X.mean(0)) / X.std(0)

data = TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(y))
train_data, val_data = random_split(data, [1760, 440])
train_loader = DataLoader(train_data, batch_size=32, shuffle=True)
val_loader = DataLoader(val_data, batch_size=440)

model = nn.Sequential(nn.Linear(7, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 22))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(25):
    total = 0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb) / 1760
    with writer.evaluating("val"):
        for xb, yb in val_loader:
            out = model(xb)
            val = criterion(out, yb).item()
            acc = (out.argmax(1) == yb).float().mean().item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1}: train {total:.4f} val {val:.4f} acc {acc:.4f}")
writer.close()
print(f"RESULT train={total:.4f} val={val:.4f} acc={acc:.4f}")
