# My first own network after the course: breast cancer biopsies (sklearn), two hidden tanh layers, SGD
# run: python biopsy_tanh_two_layers.py faulty|fixed logdir
import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.manual_seed(0)
torch.set_num_threads(1)

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=1)

scaler = StandardScaler().fit(X_train)
X_train_s = scaler.transform(X_train)
X_test_s = scaler.transform(X_test)
if sys.argv[1] == "faulty":
    inputs, inputs_test = X_train, X_test
else:
    inputs, inputs_test = X_train_s, X_test_s

xt = torch.from_numpy(inputs.astype(np.float32))
yt = torch.from_numpy(y_train.astype(np.float32)).unsqueeze(1)
xv = torch.from_numpy(inputs_test.astype(np.float32))
yv = torch.from_numpy(y_test.astype(np.float32)).unsqueeze(1)

model = nn.Sequential(
    nn.Linear(30, 32), nn.Tanh(),
    nn.Linear(32, 16), nn.Tanh(),
    nn.Linear(16, 1),
)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)

batch = 32
for epoch in range(70):
    model.train()
    perm = torch.randperm(len(xt))
    s = 0.0
    for i in range(0, len(xt), batch):
        b = perm[i:i + batch]
        pred = model(xt[b])
        loss = loss_fn(pred, yt[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s += loss.item() * len(b)
    model.eval()
    with writer.evaluating("val"):
        pv = model(xv)
        lv = loss_fn(pv, yv).item()
        acc = ((pv > 0).float() == yv).float().mean().item()
    if epoch % 10 == 9:
        print("epoch", epoch + 1, "loss", s / len(xt), "val loss", lv, "val acc", acc)

writer.close()
print("RESULT val_acc", round(acc, 4), "val_loss", round(lv, 4))
