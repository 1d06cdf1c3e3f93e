# d2l.ai 3.5 linear regression, concise implementation (synthetic data, two features, noise 0.01)
import sys
import torch
from torch import nn
from torch.utils import data
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0)


def synthetic_data(w, b, num_examples):
    X = torch.normal(0, 1, (num_examples, len(w)))
    y = torch.matmul(X, w) + b
    y += torch.normal(0, 0.01, y.shape)
    return X, y.reshape((-1, 1))


true_w, true_b = torch.tensor([2, -3.4]), 4.2
features, labels = synthetic_data(true_w, true_b, 1000)
data_iter = data.DataLoader(data.TensorDataset(features, labels), 10, shuffle=True)

net = nn.Sequential(nn.Linear(2, 1))
net[0].weight.data.normal_(0, 0.01)
net[0].bias.data.fill_(0)
loss = nn.MSELoss()
trainer = torch.optim.SGD(net.parameters(), lr=0.03)
writer = DiagWriter(sys.argv[1])
writer.watch(net, trainer, loss)

num_epochs = 3
for epoch in range(num_epochs):
    for X, y in data_iter:
        l = loss(net(X), y)
        trainer.zero_grad()
        l.backward()
        trainer.step()
    l = loss(net(features), labels)
    print(f'epoch {epoch + 1}, loss {l:f}')
writer.close()
w = net[0].weight.data
print(f'RESULT loss {l:f} error of w {(true_w - w.reshape(true_w.shape)).abs().max():.5f} error of b {(true_b - net[0].bias.data).abs().item():.5f}')
