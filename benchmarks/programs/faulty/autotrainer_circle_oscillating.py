# two noisy circles, dense net, RMSprop  (make_circles)
import sys
import torch
import torch.nn as nn
from sklearn.datasets import make_circles
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)

X, y = make_circles(n_samples=3000, noise=0.17, factor=0.45, random_state=6)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
X_train, X_test = torch.tensor(X_train).float(), torch.tensor(X_test).float()
y_train, y_test = torch.tensor(y_train).float().view(-1, 1), torch.tensor(y_test).float().view(-1, 1)

learning_rate = 0.1 if sys.argv[1] == "faulty" else 0.001


def build(hidden=(64, 64, 32)):
    net, prev = [], 2
    for h in hidden:
        net += [nn.Linear(prev, h), nn.ReLU()]
        prev = h
    return nn.Sequential(*net, nn.Linear(prev, 1))


model = build()
loss_fn = nn.BCEWithLogitsLoss()
opt = torch.optim.RMSprop(model.parameters(), lr=learning_rate, alpha=0.9)
w = DiagWriter(sys.argv[2])
w.watch(model, opt, loss_fn)
history = []
for epoch in range(30):
    for idx in torch.randperm(len(X_train)).split(32):
        opt.zero_grad()
        loss = loss_fn(model(X_train[idx]), y_train[idx])
        loss.backward()
        opt.step()
    with torch.no_grad(), w.evaluating("val"):
        out = model(X_test)
        v = loss_fn(out, y_test).item()
    acc = ((out > 0).float() == y_test).float().mean().item()
    history.append(acc)
    print("epoch", epoch, "loss %.4f val_loss %.4f val_acc %.4f" % (loss.item(), v, acc))
w.close()
print(f"RESULT val_loss={v:.4f} val_acc={acc:.4f} last five {[round(a, 3) for a in history[-5:]]}")
