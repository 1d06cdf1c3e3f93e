# blobs (AUTOTRAINER's dying-relu configuration): the biases of the hidden layers were changed to start at -3
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import make_blobs
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
x, y = make_blobs(2000, centers=3, n_features=2, cluster_std=2.0, random_state=2)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
x = (x - x.mean(0)) / x.std(0)
train = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=32, shuffle=True)
val = DataLoader(TensorDataset(x[1400:], y[1400:]), batch_size=100)
layers = [nn.Linear(2, 32), nn.ReLU()]
for _ in range(4):
    layers += [nn.Linear(32, 32), nn.ReLU()]
model = nn.Sequential(*layers, nn.Linear(32, 3))
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.kaiming_uniform_(m.weight, nonlinearity="relu")
        nn.init.constant_(m.bias, -3.0 if faulty and m.out_features == 32 else 0.0)
loss_fn = nn.CrossEntropyLoss()
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
            hit += (p.argmax(1) == b).sum().item()
writer.close()
print(f"RESULT val_loss={total / 600:.4f} val_acc={hit / 600:.3f}")
