# Wine cultivars, raw columns (proline up to 1680, others below 1)
import sys
import torch
from torch import nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1:]
torch.set_num_threads(1); torch.manual_seed(0)
X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
if mode == "fixed":
    scaler = StandardScaler()
    X_train = scaler.fit_transform(X_train)
    X_test = scaler.transform(X_test)
X_train, X_test = torch.tensor(X_train).float(), torch.tensor(X_test).float()
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)

model = nn.Sequential(nn.Linear(13, 16), nn.Tanh(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)
for epoch in range(100):
    for idx in torch.randperm(len(X_train)).split(8):
        optimizer.zero_grad()
        loss = loss_fn(model(X_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
with torch.no_grad():
    tr, te = model(X_train), model(X_test)
print(f"train loss {loss_fn(tr, y_train).item():.3f} test loss {loss_fn(te, y_test).item():.3f} test acc {(te.argmax(1) == y_test).float().mean().item():.3f}")
writer.close()
