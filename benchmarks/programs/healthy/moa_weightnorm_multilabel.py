# Kaggle "Mechanisms of Action": the well-known PyTorch starter (weight_norm dense layers, BN, dropout, OneCycle), k-fold reduced to one fold
import os, random, sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)

def seed_everything(seed=42):
    random.seed(seed); os.environ['PYTHONHASHSEED'] = str(seed); np.random.seed(seed); torch.manual_seed(seed)
seed_everything(42)

class MoADataset:
    def __init__(self, features, targets): self.features, self.targets = features, targets
    def __len__(self): return self.features.shape[0]
    def __getitem__(self, idx):
        return {'x': torch.tensor(self.features[idx, :], dtype=torch.float), 'y': torch.tensor(self.targets[idx, :], dtype=torch.float)}

def train_fn(model, optimizer, scheduler, loss_fn, dataloader, device):
    model.train(); final_loss = 0
    for data in dataloader:
        optimizer.zero_grad()
        inputs, targets = data['x'].to(device), data['y'].to(device)
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        loss.backward()
        optimizer.step()
        scheduler.step()
        final_loss += loss.item()
    return final_loss / len(dataloader)

def valid_fn(model, loss_fn, dataloader, device):
    model.eval(); final_loss = 0; preds = []
    with writer.evaluating('val'):
        for data in dataloader:
            outputs = model(data['x'].to(device))
            loss = loss_fn(outputs, data['y'].to(device))
            final_loss += loss.item(); preds.append(outputs.sigmoid().numpy())
    return final_loss / len(dataloader), np.concatenate(preds)

class Model(nn.Module):
    def __init__(self, num_features, num_targets, hidden_size):
        super().__init__()
        wn = nn.utils.parametrizations.weight_norm
        self.batch_norm1 = nn.BatchNorm1d(num_features); self.dropout1 = nn.Dropout(0.2); self.dense1 = wn(nn.Linear(num_features, hidden_size))
        self.batch_norm2 = nn.BatchNorm1d(hidden_size); self.dropout2 = nn.Dropout(0.5); self.dense2 = wn(nn.Linear(hidden_size, hidden_size))
        self.batch_norm3 = nn.BatchNorm1d(hidden_size); self.dropout3 = nn.Dropout(0.5); self.dense3 = wn(nn.Linear(hidden_size, num_targets))
    def forward(self, x):
        x = F.relu(self.dense1(self.dropout1(self.batch_norm1(x))))
        x = F.relu(self.dense2(self.dropout2(self.batch_norm2(x))))
        return self.dense3(self.dropout3(self.batch_norm3(x)))

# 200 genes and 40 cell lines, 50 mechanisms, each of a compound's one or two; effects weak against batch noise
N, G, M = 6120, 240, 50
rate = np.random.dirichlet(np.full(M, 1.2)) * .9
sig = np.random.normal(0, 1, (M, G)) * (np.random.rand(M, G) < .15) * 2.2
Y = (np.random.rand(N, M) < rate).astype(np.float32)
strength = np.random.gamma(2, .5, (N, 1))
latent = np.random.normal(size=(N, 12)) @ np.random.normal(0, .35, (12, G))
X = strength * (Y @ sig) + latent + np.random.normal(size=(N, G))
X = ((X - X[:5120].mean(0)) / X[:5120].std(0)).astype(np.float32)

DEVICE = 'cpu'; EPOCHS = 15; BATCH_SIZE = 128; LEARNING_RATE = 1e-3; WEIGHT_DECAY = 1e-5; hidden_size = 160
trainloader = DataLoader(MoADataset(X[:5120], Y[:5120]), batch_size=BATCH_SIZE, shuffle=True)
validloader = DataLoader(MoADataset(X[5120:], Y[5120:]), batch_size=BATCH_SIZE, shuffle=False)
model = Model(G, M, hidden_size)
optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
scheduler = optim.lr_scheduler.OneCycleLR(optimizer=optimizer, pct_start=0.1, div_factor=1e3, max_lr=optimizer.param_groups[0]['lr'] * 10, epochs=EPOCHS, steps_per_epoch=len(trainloader))
loss_fn = nn.BCEWithLogitsLoss()
writer = DiagWriter(sys.argv[1]); writer.watch(model, optimizer, loss_fn)
for epoch in range(EPOCHS):
    train_loss = train_fn(model, optimizer, scheduler, loss_fn, trainloader, DEVICE)
    valid_loss, p = valid_fn(model, loss_fn, validloader, DEVICE)
    print(f"FOLD: 0, EPOCH: {epoch}, train_loss: {train_loss:.5f} valid_loss: {valid_loss:.5f}")
writer.close()
from sklearn.metrics import average_precision_score
pr = -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate)).mean()
ok = Y[5120:].sum(0) > 0
print(f"RESULT train {train_loss:.5f} valid {valid_loss:.5f} (prior {pr:.5f}) mAP {average_precision_score(Y[5120:][:, ok], p[:, ok]):.3f}")
