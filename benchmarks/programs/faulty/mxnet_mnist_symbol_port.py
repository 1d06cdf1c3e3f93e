"""Port of the MXNet example image-classification/train_mnist (symbol `mlp`)."""
import argparse
import logging
import sys

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(message)s")

form, logdir = sys.argv[1], sys.argv[2]
parser = argparse.ArgumentParser()
parser.add_argument("--batch-size", type=int, default=2)
parser.add_argument("--lr", type=float, default=0.1 if form == "faulty" else 0.001)
parser.add_argument("--momentum", type=float, default=0.9)
parser.add_argument("--wd", type=float, default=0.00001)
parser.add_argument("--num-epochs", type=int, default=10)
args = parser.parse_args([])

mx_seed = 42
torch.manual_seed(mx_seed)
rng = np.random.RandomState(mx_seed)


def get_iterator():
    x, y = load_digits(return_X_y=True)
    x = (x / 16.0).astype(np.float32)
    order = rng.permutation(len(x))
    x, y = torch.from_numpy(x[order]), torch.from_numpy(y[order])
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def get_mlp():
    net = nn.Sequential()
    net.add_module("fc1", nn.Linear(64, 128))
    net.add_module("relu1", nn.ReLU())
    net.add_module("fc2", nn.Linear(128, 64))
    net.add_module("relu2", nn.ReLU())
    net.add_module("fc3", nn.Linear(64, 10))
    for name, p in net.named_parameters():
        if name.endswith("weight"):
            nn.init.xavier_uniform_(p, gain=1.0)
        else:
            nn.init.zeros_(p)
    return net


train, val = get_iterator()
net = get_mlp()
sgd = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=args.momentum, weight_decay=args.wd)
softmax = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(net, sgd, softmax)


def score(x, y):
    with writer.evaluating("val"):
        out = net(x)
        loss = softmax(out, y).item()
    acc = (out.argmax(1) == y).float().mean().item()
    top5 = (out.topk(5, dim=1).indices == y[:, None]).any(1).float().mean().item()
    return loss, acc, top5


for epoch in range(args.num_epochs):
    net.train()
    hits = 0
    order = torch.randperm(len(train[0]))
    for k in range(0, len(order), args.batch_size):
        pick = order[k:k + args.batch_size]
        out = net(train[0][pick])
        loss = softmax(out, train[1][pick])
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        hits += (out.argmax(1) == train[1][pick]).sum().item()
    vloss, vacc, vtop5 = score(*val)
    logging.info("Epoch[%d] Train-accuracy=%f", epoch, hits / len(order))
    logging.info("Epoch[%d] Validation-accuracy=%f", epoch, vacc)
    logging.info("Epoch[%d] Validation-top_k_accuracy_5=%f", epoch, vtop5)

writer.close()
print("RESULT val_loss %.4f val_accuracy %.4f top5 %.4f" % (vloss, vacc, vtop5))
