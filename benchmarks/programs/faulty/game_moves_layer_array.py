import sys

import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

form = sys.argv[1]
log_path = sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(21)


def boards(n):
    """3x3 boards half filled with crosses and noughts; label: crosses have a line, noughts have one, nobody has."""
    lines = torch.tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 3, 6], [1, 4, 7], [2, 5, 8], [0, 4, 8], [2, 4, 6]])
    x = torch.randint(-1, 2, (n * 6, 9)).float()
    sums = x[:, lines].sum(2)
    cross, nought = (sums == 3).any(1), (sums == -3).any(1)
    keep = ~(cross & nought)
    x, cross, nought = x[keep], cross[keep], nought[keep]
    y = torch.zeros(len(x), dtype=torch.long)
    y[cross] = 1
    y[nought] = 2
    none = (y == 0).nonzero().flatten()
    some = (y > 0).nonzero().flatten()
    take = torch.cat([some[:2 * n // 3], none[:n // 3]])
    take = take[torch.randperm(len(take))]
    return x[take], y[take]


class Net(nn.Module):
    def __init__(self, sizes, n_out):
        super().__init__()
        layers = [nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])]
        if form == "faulty":
            self.layers = layers
        else:
            self.layers = nn.ModuleList(layers)
        self.final = nn.Linear(sizes[-1], n_out)

    def forward(self, x):
        for layer in self.layers:
            x = nn.functional.leaky_relu(layer(x))
        return self.final(x)


X, y = boards(9000)
n_train = 5000
train = DataLoader(TensorDataset(X[:n_train], y[:n_train]), batch_size=64, shuffle=True)
test = DataLoader(TensorDataset(X[n_train:], y[n_train:]), batch_size=500)
print("boards", len(X), "shares", [round((y == k).float().mean().item(), 3) for k in range(3)])

net = Net([9, 64, 48, 24], 3)
loss_function = nn.CrossEntropyLoss()
optimiser = optim.Adam(net.parameters(), lr=0.002)

writer = DiagWriter(log_path)
writer.watch(net, optimiser, loss_function, train_loader=train)

for epoch in range(1, 21):
    running = 0.0
    for batch, target in train:
        optimiser.zero_grad()
        output = loss_function(net(batch), target)
        output.backward()
        optimiser.step()
        running += output.item()

    correct, test_loss = 0, 0.0
    with torch.no_grad():
        for batch, target in test:
            prediction = net(batch)
            test_loss += loss_function(prediction, target).item()
            correct += (prediction.argmax(1) == target).sum().item()
    test_loss /= len(test)
    accuracy = correct / len(test.dataset)
    if epoch % 5 == 0:
        print(f"Epoch {epoch}: train {running / len(train):.4f}, test {test_loss:.4f}, accuracy {accuracy:.4f}")

writer.close()
print(f"RESULT test_loss {test_loss:.4f} test_accuracy {accuracy:.4f}")
