# diabetes progression; dropout, weight decay and the early end were removed
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
x, y = load_diabetes(return_X_y=True)
x, xt, y, yt = train_test_split(x, y, test_size=0.3, random_state=1)
s = StandardScaler().fit(x)
x, xt = (torch.tensor(s.transform(a), dtype=torch.float32) for a in (x, xt))
m, d = y.mean(), y.std()
y, yt = (torch.tensor((a - m) / d, dtype=torch.float32)[:, None] for a in (y, yt))
train = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
val = DataLoader(TensorDataset(xt, yt), batch_size=133)
drop = 0.0 if faulty else 0.5
model = nn.Sequential(nn.Linear(10, 128), nn.ReLU(), nn.Dropout(drop), nn.Linear(128, 64), nn.ReLU(), nn.Dropout(drop), nn.Linear(64, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.001, weight_decay=0.0 if faulty else 0.1)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(200 if faulty else 40):
    model.train()
    for a, b in train:
        optimizer.zero_grad()
        loss = loss_fn(model(a), b)
        loss.backward()
        optimizer.step()
    total = 0.0
    with writer.evaluating("val"):
        for a, b in val:
            total += loss_fn(model(a), b).item() * len(a)
writer.close()
with torch.no_grad():
    fit = loss_fn(model.eval()(x), y).item()
print(f"RESULT train_mse={fit:.4f} val_mse={total / len(xt):.4f} (variance {yt.var().item():.3f})")
