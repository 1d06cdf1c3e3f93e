"""Kaggle tabular classifier: entity embeddings and batch-normed numbers, class weights for 9 % positives, OneCycleLR (fastai style)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

SEED = 2020
np.random.seed(SEED); torch.manual_seed(SEED); torch.set_num_threads(1)

# ---------------------------------------------------------------- data
N = 40000
card = [12, 7, 31, 4]
cats = np.stack([np.random.randint(0, c, N) for c in card], 1)
nums = np.random.randn(N, 6); nums[:, 1] = np.exp(nums[:, 1]); nums[:, 3] = nums[:, 0] * 0.5 + nums[:, 3]
eff = [np.random.randn(c) * s for c, s in zip(card, (0.8, 0.5, 0.9, 0.3))]
score = sum(e[cats[:, j]] for j, e in enumerate(eff)) + 0.9 * nums[:, 0] - 0.4 * np.log(nums[:, 1]) + 0.7 * nums[:, 2] * nums[:, 4] + 0.5 * (np.abs(nums[:, 5]) > 1)
prob = 1 / (1 + np.exp(-(1.3 * score - 3.9)))
y = (np.random.rand(N) < prob).astype(np.int64)
nums[:, 1] = np.log1p(nums[:, 1])
nums = (nums - nums.mean(0)) / nums.std(0)
tr, va = np.arange(N) < 36000, np.arange(N) >= 36000


class ShelterOutcomeDataset(Dataset):
    def __init__(self, m):
        self.X1, self.X2, self.y = cats[m], nums[m].astype(np.float32), y[m]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, idx):
        return self.X1[idx], self.X2[idx], self.y[idx]


class ShelterOutcomeModel(nn.Module):
    def __init__(self, embedding_sizes, n_cont):
        super().__init__()
        self.embeddings = nn.ModuleList([nn.Embedding(c, s) for c, s in embedding_sizes])
        n_emb = sum(e.embedding_dim for e in self.embeddings)
        self.lin1 = nn.Linear(n_emb + n_cont, 100)
        self.lin2 = nn.Linear(100, 50)
        self.lin3 = nn.Linear(50, 2)
        self.bn1, self.bn2, self.bn3 = nn.BatchNorm1d(n_cont), nn.BatchNorm1d(100), nn.BatchNorm1d(50)
        self.emb_drop, self.drops = nn.Dropout(0.2), nn.Dropout(0.3)
        for e in self.embeddings:
            nn.init.normal_(e.weight, std=0.05)

    def forward(self, x_cat, x_cont):
        x = self.emb_drop(torch.cat([e(x_cat[:, i]) for i, e in enumerate(self.embeddings)], 1))
        x = torch.cat([x, self.bn1(x_cont)], 1)
        x = self.bn2(self.drops(F.relu(self.lin1(x))))
        x = self.bn3(self.drops(F.relu(self.lin2(x))))
        return self.lin3(x)


train_dl = DataLoader(ShelterOutcomeDataset(tr), batch_size=256, shuffle=True)
valid_dl = DataLoader(ShelterOutcomeDataset(va), batch_size=1000)
model = ShelterOutcomeModel([(c, min(50, (c + 1) // 2)) for c in card], 6)
share = y[tr].mean()
criterion = nn.CrossEntropyLoss(weight=torch.tensor([0.5 / (1 - share), 0.5 / share], dtype=torch.float32))
EPOCHS = 6
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-5)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5e-3, epochs=EPOCHS, steps_per_epoch=len(train_dl))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(EPOCHS):
    model.train()
    tl = []
    for x1, x2, t in train_dl:
        loss = criterion(model(x1, x2), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        tl.append(loss.item())
    preds, vl = [], []
    with writer.evaluating("val"):
        for x1, x2, t in valid_dl:
            out = model(x1, x2)
            vl.append(criterion(out, t).item())
            preds.append(out.softmax(1)[:, 1])
auc = roc_auc_score(y[va], torch.cat(preds).numpy())
print(f"RESULT positives {share:.3f} train {np.mean(tl):.4f} val {np.mean(vl):.4f} AUC {auc:.4f} (true {roc_auc_score(y[va], prob[va]):.4f})")
writer.close()
