# breast cancer MLP; the weight initialisation was changed to ones
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
x, y = load_breast_cancer(return_X_y=True)
x, xt, y, yt = train_test_split(x, y, test_size=0.25, random_state=0)
s = StandardScaler().fit(x)
x, xt = (torch.tensor(s.transform(a), dtype=torch.float32) for a in (x, xt))
y, yt = (torch.tensor(a, dtype=torch.float32)[:, None] for a in (y, yt))
train = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
val = DataLoader(TensorDataset(xt, yt), batch_size=64)
model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
if faulty:
    for m in model:
        if isinstance(m, nn.Linear):
            nn.init.ones_(m.weight)
            nn.init.zeros_(m.bias)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(40):
    model.train()
    for a, b in train:
        optimizer.zero_grad()
        loss = loss_fn(model(a), b)
        loss.backward()
        optimizer.step()
    hit = 0
    total = 0.0
    with writer.evaluating("val"):
        for a, b in val:
            p = model(a)
            total += loss_fn(p, b).item() * len(a)
            hit += ((p > 0).float() == b).sum().item()
writer.close()
print(f"RESULT train_loss={loss.item():.4f} val_loss={total / len(xt):.4f} val_acc={hit / len(xt):.3f}")
