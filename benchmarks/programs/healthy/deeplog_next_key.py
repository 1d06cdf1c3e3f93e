# -*- coding: utf-8 -*-
# DeepLog: next log key prediction with an LSTM over windows of 10 keys (after wuyifan18/DeepLog, keys one-hot coded)
import argparse, random, sys, time
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
device = torch.device("cpu")
num_classes = 28
num_epochs = 16
batch_size = 128


def session(r):
    """one HDFS block: three replicas receive (order shuffled by concurrency), then some verify / read / delete phases"""
    s = [4]
    rep = [[4, 8, 10], [4, 8, 10], [8, 10]]
    while any(rep):
        q = r.choice([x for x in rep if x]); s.append(q.pop(0))
    s += [25] * r.choice([1, 2, 3])
    for _ in range(r.choice([0, 1, 1, 2, 4])):
        s += [2, 3] if r.random() < .7 else [1, 24, 3]
        if r.random() < .15:
            s += [15, 17]
    if r.random() < .6:
        t = [20, 20, 20, 22, 22, 22]
        if r.random() < .2: r.shuffle(t)
        s += t
    if r.random() < .1:
        s += [12, 13, 14]
    return s + [r.choice([5, 6]), 27]


def generate(k, seed):
    r = random.Random(seed); inputs, outputs = [], []
    for _ in range(k):
        line = session(r)
        for i in range(len(line) - window_size):
            inputs.append(line[i:i + window_size]); outputs.append(line[i + window_size])
    print('Number of seqs: {}'.format(len(inputs)))
    x = torch.nn.functional.one_hot(torch.tensor(inputs), num_classes).float()
    return TensorDataset(x, torch.tensor(outputs))


class Model(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers, num_keys):
        super(Model, self).__init__()
        self.hidden_size, self.num_layers = hidden_size, num_layers
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers, batch_first=True)
        self.fc = nn.Linear(hidden_size, num_keys)

    def forward(self, x):
        h0 = torch.zeros(self.num_layers, x.size(0), self.hidden_size).to(device)
        c0 = torch.zeros(self.num_layers, x.size(0), self.hidden_size).to(device)
        out, _ = self.lstm(x, (h0, c0))
        return self.fc(out[:, -1, :])


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('logdir')
    parser.add_argument('-num_layers', default=2, type=int)
    parser.add_argument('-hidden_size', default=64, type=int)
    parser.add_argument('-window_size', default=10, type=int)
    args = parser.parse_args()
    window_size = args.window_size
    torch.manual_seed(7)
    model = Model(num_classes, args.hidden_size, args.num_layers, num_classes).to(device)
    dataloader = DataLoader(generate(900, 1), batch_size=batch_size, shuffle=True)
    normal = DataLoader(generate(400, 2), batch_size=1024)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters())
    writer = DiagWriter(args.logdir)
    writer.watch(model, optimizer, criterion)
    start_time = time.time()
    total_step = len(dataloader)
    for epoch in range(num_epochs):
        train_loss = 0
        for step, (seq, label) in enumerate(dataloader):
            output = model(seq.to(device))
            loss = criterion(output, label.to(device))
            optimizer.zero_grad()
            loss.backward()
            train_loss += loss.item()
            optimizer.step()
        print('Epoch [{}/{}], train_loss: {:.4f}'.format(epoch + 1, num_epochs, train_loss / total_step))
    print('elapsed_time: {:.3f}s'.format(time.time() - start_time))
    # share of next keys within the top 9 candidates, as in the prediction script
    tot = n = hit = 0
    with writer.evaluating("test"):
        for seq, label in normal:
            out = model(seq)
            tot += criterion(out, label).item() * len(label); n += len(label)
            hit += (out.topk(3, 1)[1] == label[:, None]).any(1).sum().item()
    writer.close()
    print(f'RESULT train {train_loss / total_step:.4f} normal test {tot / n:.4f} top3 {hit / n:.4f}')
