# d2l.ai 8.1 sequence models: a noisy sine, the next value from the last four with a small MLP
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(8)

T = 1000  # Generate a total of 1000 points
time = torch.arange(1, T + 1, dtype=torch.float32)
x = torch.sin(0.01 * time) + torch.normal(0, 0.2, (T,))

tau = 4
features = torch.zeros((T - tau, tau))
for i in range(tau):
    features[:, i] = x[i: T - tau + i]
labels = x[tau:].reshape((-1, 1))

batch_size, n_train = 16, 600
# Only the first `n_train` examples are used for training
train_iter = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(features[:n_train], labels[:n_train]), batch_size, shuffle=True)


def init_weights(m):
    if type(m) == nn.Linear:
        nn.init.xavier_uniform_(m.weight)


def get_net():
    net = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 1))
    net.apply(init_weights)
    return net


# Note: `MSELoss` computes squared error without the 1/2 factor
loss = nn.MSELoss(reduction='none')


def evaluate_loss(net, data_iter, loss):
    total, n = 0., 0
    with torch.no_grad():
        for X, y in data_iter:
            l = loss(net(X), y)
            total, n = total + float(l.sum()), n + l.numel()
    return total / n


def train(net, train_iter, loss, epochs, lr):
    trainer = torch.optim.Adam(net.parameters(), lr)
    writer = DiagWriter(sys.argv[1])
    writer.watch(net, trainer)
    for epoch in range(epochs):
        for X, y in train_iter:
            trainer.zero_grad()
            l = loss(net(X), y)
            l.sum().backward()
            trainer.step()
        print(f'epoch {epoch + 1}, loss: {evaluate_loss(net, train_iter, loss):f}')
    writer.close()


net = get_net()
train(net, train_iter, loss, 5, 0.01)
with torch.no_grad():
    onestep = ((net(features[n_train:]) - labels[n_train:]) ** 2).mean().item()
print(f"RESULT train loss {evaluate_loss(net, train_iter, loss):.4f} one-step test {onestep:.4f} (noise 0.04)")
