import sys
import torch
import numpy as np
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(3)
np.random.seed(3)


class Net(torch.nn.Module):

    def __init__(self, input_dim, output_dim):
        super(Net, self).__init__()
        self.layer1 = torch.nn.Linear(input_dim, output_dim, bias=True)

    def forward(self, x):
        x = self.layer1(x)
        if mode == "faulty":
            x.squeeze()
        else:
            x = x.squeeze(1)
        return x


# y = 5 * x1 + 3 * x2 - ... + noise
sample_size = 6000
input_dim = 10
output_dim = 1
epoch = 25
bs = 100

coef = np.array([5, 3, -2, 1, .5, 0, -4, .3, 0, 2.])
data = np.random.randn(sample_size, input_dim + 1)
data[:, 1] = 0.6 * data[:, 0] + 0.8 * data[:, 1]
data[:, -1] = data[:, :input_dim] @ coef + 1.5 * np.random.randn(sample_size)
data = torch.Tensor(data)
train_x, train_y = data[:5000, :input_dim], data[:5000, input_dim]
valid_x, valid_y = data[5000:, :input_dim], data[5000:, input_dim]

net = Net(input_dim, output_dim)
criterion = torch.nn.MSELoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.02)
writer = DiagWriter(logdir)
writer.watch(net, optimizer, criterion)

for i in range(epoch):
    idx = np.random.permutation(len(train_x))
    epoch_loss = []
    for b in range(0, len(idx), bs):
        x, y = train_x[idx[b:b + bs]], train_y[idx[b:b + bs]]
        net.zero_grad()
        out = net(x)
        loss = criterion(out, y)
        loss.backward()
        optimizer.step()
        epoch_loss.append(loss.item())
    with writer.evaluating("val"):
        v = criterion(net(valid_x), valid_y)
    print("epoch", i, "loss", np.mean(epoch_loss), "valid", v.item())
pred = net(valid_x).detach().view(-1)
print("true mse on valid", ((pred - valid_y) ** 2).mean().item(), net.layer1.weight.data.numpy().round(2))
writer.close()
