# HW2: handwritten digits with a deep network as in the lecture
import sys
import torch, torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(10)
X, y = load_digits(return_X_y=True)
X = torch.tensor((X - X.mean()) / X.std(), dtype=torch.float32)
y = torch.tensor(y)
idx = torch.randperm(len(X))
tr, te = idx[:1400], idx[1400:]
act = nn.Sigmoid if sys.argv[1] == "faulty" else nn.ReLU
layers = [nn.Linear(64, 40), act()]
for _ in range(6):
    layers += [nn.Linear(40, 40), act()]
layers += [nn.Linear(40, 10)]
model = nn.Sequential(*layers)
opt = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, loss_fn)
for epoch in range(20):
    tr = tr[torch.randperm(len(tr))]
    s = 0
    for i in range(0, 1400, 35):
        b = tr[i:i + 35]
        loss = loss_fn(model(X[b]), y[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        s += loss.item() / 40
    if epoch % 4 == 3:
        model.eval()
        print("epoch", epoch + 1, "loss", round(s, 4), "train acc", (model(X[tr]).argmax(1) == y[tr]).float().mean().item(),
              "test acc", (model(X[te]).argmax(1) == y[te]).float().mean().item())
        model.train()
writer.close()
