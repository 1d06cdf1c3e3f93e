# multilayer perceptron, d2l style
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)

def make(n, proto, g):
    y = torch.randint(0, 10, (n,), generator=g)
    style = torch.randint(0, 3, (n,), generator=g)
    x = proto[y, style]
    dx = torch.randint(-1, 2, (n, 2), generator=g)
    x = torch.stack([torch.roll(im, (int(a), int(b)), (0, 1)) for im, (a, b) in zip(x, dx)])
    x = x * (0.5 + 0.5 * torch.rand(n, 1, 1, generator=g)) + 0.5 * torch.randn(n, 28, 28, generator=g)
    return x.clamp(0, 1).unsqueeze(1), y

g = torch.Generator().manual_seed(0)
base = 0.42 * torch.randn(10, 1, 5, 5, generator=g) + 0.35 * torch.randn(10, 3, 5, 5, generator=g) + 1.2 * torch.randn(1, 1, 5, 5, generator=g)
proto = torch.sigmoid(2.5 * F.interpolate(base, size=28, mode="bicubic"))
X, y = make(24000, proto, g)
Xv, yv = make(2000, proto, g)
mean, std = X.mean(), X.std()
batch_size = 128
train_iter = DataLoader(TensorDataset((X - mean) / std, y), batch_size, shuffle=True)
test_iter = DataLoader(TensorDataset((Xv - mean) / std, yv), batch_size)

net = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 10))

def init_weights(m):
    if type(m) == nn.Linear:
        nn.init.normal_(m.weight, std=0.01)
net.apply(init_weights)

lr, num_epochs = 0.1, 8
loss = nn.CrossEntropyLoss()
trainer = torch.optim.SGD(net.parameters(), lr=lr)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(trainer, num_epochs)

w = DiagWriter(sys.argv[1])
w.watch(net, trainer, loss)

def evaluate(data_iter):
    net.eval()
    tot = hit = n = 0
    with torch.no_grad():
        for a, b in data_iter:
            out = net(a)
            tot += loss(out, b).item() * len(b)
            hit += (out.argmax(1) == b).sum().item()
            n += len(b)
    return tot / n, hit / n

for epoch in range(num_epochs):
    net.train()
    s = n = 0
    for a, b in train_iter:
        l = loss(net(a), b)
        trainer.zero_grad()
        l.backward()
        trainer.step()
        s += l.item() * len(b)
        n += len(b)
    sched.step()
    tl, ta = evaluate(test_iter)
    print(f"epoch {epoch + 1}, train loss {s / n:.4f}, test loss {tl:.4f}, test acc {ta:.4f}")
w.close()
