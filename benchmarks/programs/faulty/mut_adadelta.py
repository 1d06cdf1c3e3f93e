# wine MLP; Adam was changed to Adadelta, same learning rate
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
x, y = load_wine(return_X_y=True)
x, xt, y, yt = train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)
s = StandardScaler().fit(x)
x, xt = (torch.tensor(s.transform(a), dtype=torch.float32) for a in (x, xt))
y, yt = torch.tensor(y), torch.tensor(yt)
train = DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True)
val = DataLoader(TensorDataset(xt, yt), batch_size=54)
model = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 3))
loss_fn = nn.CrossEntropyLoss()
if faulty:
    optimizer = torch.optim.Adadelta(model.parameters(), lr=0.001, rho=0.95, eps=1e-7)
else:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(60):
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
            hit += (p.argmax(1) == b).sum().item()
writer.close()
print(f"RESULT val_loss={total / len(xt):.4f} val_acc={hit / len(xt):.3f}")
