# Lab 11 digits and deep learning CNN, class version
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.manual_seed(777)  # reproducibility
np.random.seed(777)
torch.set_num_threads(1)

form, logdir = sys.argv[1], sys.argv[2]

# hyper parameters
learning_rate = 0.001
training_epochs = 18
batch_size = 50


class Data:
    def __init__(self):
        d = load_digits()
        p = np.random.permutation(len(d.target))
        x = torch.from_numpy(d.images[p].astype(np.float32) / 16.0)[:, None]
        y = torch.from_numpy(d.target[p])
        self.train, self.val, self.test = (x[:1250], y[:1250]), (x[1250:1450], y[1250:1450]), (x[1450:], y[1450:])

    def next_batches(self):
        x, y = self.train
        perm = torch.randperm(len(x))
        for i in range(0, len(x) - batch_size + 1, batch_size):
            j = perm[i:i + batch_size]
            yield x[j], y[j]


class Model(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.name = name
        rate = 0.7 if form == "faulty" else 0.3
        # Convolutional Layer #1 and Pooling Layer #1
        self.conv1 = nn.Conv2d(1, 32, 3, padding="same")
        self.pool1 = nn.MaxPool2d(2, 2)
        self.dropout1 = nn.Dropout(rate)
        # Convolutional Layer #2 and Pooling Layer #2
        self.conv2 = nn.Conv2d(32, 64, 3, padding="same")
        self.pool2 = nn.MaxPool2d(2, 2)
        self.dropout2 = nn.Dropout(rate)
        # Convolutional Layer #3
        self.conv3 = nn.Conv2d(64, 96, 3, padding="same")
        self.dropout3 = nn.Dropout(rate)
        # Dense Layer with Relu, logits
        self.dense4 = nn.Linear(96 * 2 * 2, 200)
        self.dropout4 = nn.Dropout(0.5)
        self.logits = nn.Linear(200, 10)

    def forward(self, X):
        h = self.dropout1(self.pool1(torch.relu(self.conv1(X))))
        h = self.dropout2(self.pool2(torch.relu(self.conv2(h))))
        h = self.dropout3(torch.relu(self.conv3(h)))
        h = h.flatten(1)
        h = self.dropout4(torch.relu(self.dense4(h)))
        return self.logits(h)

    def predict(self, x_test):
        self.eval()
        with torch.no_grad():
            return self(x_test)

    def get_accuracy(self, x_test, y_test):
        return (self.predict(x_test).argmax(1) == y_test).float().mean().item()


mnist = Data()
m1 = Model("m1")
cost_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(m1.parameters(), lr=learning_rate)
writer = DiagWriter(logdir)
writer.watch(m1, optimizer, cost_fn)

print("Learning Started!")
for epoch in range(training_epochs):
    avg_cost, total_batch = 0.0, 0
    m1.train()
    for batch_xs, batch_ys in mnist.next_batches():
        optimizer.zero_grad()
        c = cost_fn(m1(batch_xs), batch_ys)
        c.backward()
        optimizer.step()
        avg_cost += c.item()
        total_batch += 1
    with writer.evaluating("val"):
        v = cost_fn(m1(mnist.val[0]), mnist.val[1])
    if epoch % 3 == 2:
        print("Epoch:", "%04d" % (epoch + 1), "cost =", "{:.9f}".format(avg_cost / total_batch), "val", v.item())
print("Learning Finished!")

loss = cost_fn(m1.predict(mnist.test[0]), mnist.test[1]).item()
acc = m1.get_accuracy(*mnist.test)
writer.close()
print("RESULT test_loss %.4f test_acc %.4f" % (loss, acc))
