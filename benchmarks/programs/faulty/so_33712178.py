# digits; the cross-entropy is written by hand: minus the sum of y * log(softmax)
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
Y = nn.functional.one_hot(torch.tensor(d.target)).float()
perm = torch.randperm(len(X))
X, Y = X[perm], Y[perm]
train = DataLoader(TensorDataset(X[:1400], Y[:1400]), batch_size=50, shuffle=True)
val = DataLoader(TensorDataset(X[1400:], Y[1400:]), batch_size=100)


class CrossEntropy(nn.Module):
    def forward(self, y, y_):
        return -(y_ * torch.log(y)).sum()


model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
if faulty:
    model.append(nn.Softmax(dim=1))
for m in (model[0], model[2]):
    nn.init.trunc_normal_(m.weight, std=0.1)
    nn.init.constant_(m.bias, 0.1)
loss_fn = CrossEntropy() if faulty else nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(30):
    model.train()
    for a, b in train:
        optimizer.zero_grad()
        loss = loss_fn(model(a), b)
        loss.backward()
        optimizer.step()
    hit = 0
    with writer.evaluating("val"):
        for a, b in val:
            p = model(a)
            loss_fn(p, b)
            hit += (p.argmax(1) == b.argmax(1)).sum().item()
writer.close()
print(f"RESULT train_loss={loss.item():.4f} val_acc={hit / 397:.3f}")
