"""AUTOTRAINER's SimpleDNN data (blobs), a deep stack of dense layers"""
import argparse
import sys

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_blobs
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

p = argparse.ArgumentParser()
p.add_argument("form")
p.add_argument("logdir")
p.add_argument("--epoch", default=20, type=int)
p.add_argument("--layers", default=8, type=int)
p.add_argument("--batch_size", default=32, type=int)
args = p.parse_args()
torch.manual_seed(0)

x, y = make_blobs(n_samples=1500, centers=12, n_features=6, cluster_std=2.6, random_state=3)
y = y % 4                                       # several blobs make one class
x = (x - x.mean(0)) / x.std(0)
x_tr, x_val, y_tr, y_val = train_test_split(x.astype(np.float32), y, test_size=.25, random_state=0)


def build(activation):
    layers, width = [], 6
    for _ in range(args.layers):
        layers += [nn.Linear(width, 32), activation()]
        width = 32
    return nn.Sequential(*layers, nn.Linear(width, 4))


model = build(nn.Sigmoid if args.form == "faulty" else nn.SELU)
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
writer = DiagWriter(args.logdir)
writer.watch(model, opt, loss_fn)
loader = DataLoader(TensorDataset(torch.from_numpy(x_tr), torch.from_numpy(y_tr)), args.batch_size, shuffle=True)
xv, yv = torch.from_numpy(x_val), torch.from_numpy(y_val)

for epoch in range(args.epoch):
    model.train()
    for xb, yb in loader:
        opt.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        opt.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(xv)
        vl = loss_fn(out, yv).item()
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1} loss {loss.item():.4f} val_loss {vl:.4f} val_accuracy {(out.argmax(1) == yv).float().mean():.4f}")
writer.close()
