# GRU that tells three frequencies of noisy series apart; the learning rate of Adam was changed from 0.005
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
n = 1400
Y = torch.randint(0, 3, (n,))
t = torch.linspace(0, 1, 24)
freq = torch.tensor([1.0, 1.7, 2.6])[Y][:, None]
X = (torch.sin(6.283 * (freq * t + torch.rand(n, 1))) + 0.3 * torch.randn(n, 24))[:, :, None]
train = DataLoader(TensorDataset(X[:1000], Y[:1000]), batch_size=32, shuffle=True)
val = DataLoader(TensorDataset(X[1000:], Y[1000:]), batch_size=100)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 24, batch_first=True)
        self.out = nn.Linear(24, 3)

    def forward(self, x):
        return self.out(self.gru(x)[0][:, -1])


model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-6 if faulty else 0.005)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(25):
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
print(f"RESULT val_loss={total / 400:.4f} val_acc={hit / 400:.3f}")
