# diabetes: 442 patients, small network, k-fold style hold-out
import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.manual_seed(17)
torch.set_num_threads(1)
X, y = load_diabetes(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.25, random_state=4)
sx, sy = StandardScaler().fit(X_train), StandardScaler().fit(y_train[:, None])
f = lambda a: torch.tensor(a, dtype=torch.float32)
X_train, X_val = f(sx.transform(X_train)), f(sx.transform(X_val))
y_train, y_val = f(sy.transform(y_train[:, None])), f(sy.transform(y_val[:, None]))

net = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1))
loss = nn.MSELoss()
trainer = torch.optim.Adam(net.parameters(), lr=0.002, weight_decay=0.1)
train_iter = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X_train, y_train), 32, shuffle=True)
writer = DiagWriter(sys.argv[1])
writer.watch(net, trainer, loss)
for epoch in range(60):
    net.train()
    ls = []
    for Xb, yb in train_iter:
        l = loss(net(Xb), yb)
        trainer.zero_grad()
        l.backward()
        trainer.step()
        ls.append(l.item())
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = loss(net(X_val), y_val).item()
    if epoch % 10 == 9:
        with torch.no_grad():
            t = ((net(X_train) - y_train) ** 2).mean().item()
        print(f'epoch {epoch + 1}, train {np.mean(ls):.4f} (eval mode {t:.4f}), val {v:.4f}')
from sklearn.linear_model import RidgeCV
r = RidgeCV(np.logspace(-2, 3, 20)).fit(X_train.numpy(), y_train.numpy().ravel())
print('ridge: %.4f' % ((r.predict(X_val.numpy()) - y_val.numpy().ravel()) ** 2).mean())
writer.close()
