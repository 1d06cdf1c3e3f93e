import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)
form, logdir = sys.argv[1:3]

data = torch.tensor([[0., 0., 1.], [0., 1., 0.], [1., 0., 0.], [1., 1., 1.]])
train, train_label = data[:, :-1], data[:, -1:]
test, test_label = data[:, :-1], data[:, -1:]


def binary_crossentropy(pred, target, eps=1e-7):
    pred = torch.clamp(pred, eps, 1 - eps)
    return torch.mean(-target * torch.log(pred) - (1 - target) * torch.log(1 - pred))


def dense(i, o):
    d = nn.Linear(i, o)
    nn.init.xavier_uniform_(d.weight)
    nn.init.zeros_(d.bias)
    return d


if form == "faulty":
    model = nn.Sequential(dense(2, 2), nn.ReLU(), dense(2, 2), nn.ReLU(), dense(2, 1), nn.ReLU())
else:
    model = nn.Sequential(dense(2, 20), nn.ReLU(), dense(20, 20), nn.ReLU(), dense(20, 1), nn.Sigmoid())

optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, binary_crossentropy)

for epoch in range(1000):
    order = torch.randperm(4)
    optimizer.zero_grad()
    loss = binary_crossentropy(model(train[order]), train_label[order])
    loss.backward()
    optimizer.step()
    if epoch % 100 == 99:
        print(f"Epoch {epoch + 1} - loss: {loss.item():.4f}")

with torch.no_grad():
    p = model(test)
classes = (p > 0.5).float()
writer.close()
print(classes.flatten().tolist(), p.flatten().tolist())
print(f"RESULT loss {binary_crossentropy(p, test_label).item():.4f} accuracy {(classes == test_label).float().mean().item():.2f}")
