import sys
import torch
from torch import nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
X, y = load_breast_cancer(return_X_y=True)
X_tmp, X_test, y_tmp, y_test = train_test_split(X, y, test_size=0.2, random_state=0, stratify=y)
X_train, X_val, y_train, y_val = train_test_split(X_tmp, y_tmp, test_size=0.2, random_state=0, stratify=y_tmp)
scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_val = scaler.transform(X_val)
if sys.argv[1] == "fixed":
    X_test = scaler.transform(X_test)

t = lambda a: torch.tensor(a, dtype=torch.float32)
X_train, X_val, X_test = t(X_train), t(X_val), t(X_test)
y_train, y_val, y_test = t(y_train)[:, None], t(y_val)[:, None], t(y_test)[:, None]


class Classifier(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x):
        return self.net(x)


model = Classifier(X_train.shape[1])
loss_fn = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(model.parameters(), lr=5e-4, weight_decay=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, loss_fn)


def evaluate(name, X, y):
    with writer.evaluating(name):
        z = model(X)
        loss = loss_fn(z, y).item()
    return loss, ((z > 0).float() == y).float().mean().item()


for epoch in range(40):
    for i in torch.randperm(len(X_train)).split(16):
        loss = loss_fn(model(X_train[i]), y_train[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    v, t_ = evaluate("val", X_val, y_val), evaluate("test", X_test, y_test)
    if epoch % 8 == 7:
        print("epoch %d  train %.3f  val %.3f / %.3f  test %.3f / %.3f" % (epoch, loss.item(), *v, *t_))
writer.close()
