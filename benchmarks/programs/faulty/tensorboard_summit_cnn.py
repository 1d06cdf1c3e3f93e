import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(4)
torch.set_num_threads(1)


def conv_layer(size_in, size_out):
    layer = nn.Conv2d(size_in, size_out, 5, padding=2)
    nn.init.trunc_normal_(layer.weight, std=0.1)
    nn.init.constant_(layer.bias, 0.1)
    return layer


def fc_layer(size_in, size_out):
    layer = nn.Linear(size_in, size_out)
    nn.init.trunc_normal_(layer.weight, std=0.1)
    nn.init.constant_(layer.bias, 0.1)
    return layer


class MnistModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = conv_layer(1, 16)
        self.conv2 = conv_layer(16, 32)
        self.fc1 = fc_layer(2 * 2 * 32, 128)
        self.fc2 = fc_layer(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        logits = self.fc2(x)
        if form == "faulty":
            logits = F.relu(logits)
        return logits


class Batches:
    def __init__(self, images, labels):
        self.images, self.labels = images, labels
        self.pos = len(images)

    def next_batch(self, n):
        if self.pos + n > len(self.images):
            self.order = torch.randperm(len(self.images))
            self.pos = 0
        idx = self.order[self.pos:self.pos + n]
        self.pos += n
        return self.images[idx], self.labels[idx]


def mnist_model(learning_rate, steps=900):
    digits = load_digits()
    images = torch.tensor(digits.images / 16.0, dtype=torch.float32)[:, None]
    labels = torch.tensor(digits.target)
    perm = torch.randperm(len(images))
    images, labels = images[perm], labels[perm]
    train = Batches(images[:1400], labels[:1400])
    test_x, test_y = images[1400:], labels[1400:]

    model = MnistModel()
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, F.cross_entropy)
    for i in range(steps + 1):
        x, y = train.next_batch(100)
        if i % 30 == 0:
            with writer.evaluating("val"):
                logits = model(test_x)
                xent = writer.loss_fn(logits, test_y)
                accuracy = (logits.argmax(1) == test_y).float().mean()
            writer.add_scalar("accuracy", accuracy, i)
            if i % 150 == 0:
                print(f"step {i} xent {xent:.4f} accuracy {accuracy:.4f}")
        model.train()
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    writer.close()
    print(f"RESULT test xent {xent:.4f} accuracy {accuracy:.4f}")


mnist_model(1e-3)
