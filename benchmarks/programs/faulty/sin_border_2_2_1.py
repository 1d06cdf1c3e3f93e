"""stackoverflow 41372874: is the point above or below the sine?  SIN.csv has x, y, class"""
import sys
import numpy
import pandas
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
# fix random seed for reproducibility
seed = 15
numpy.random.seed(seed)
torch.manual_seed(seed)

# make the dataset (the measured ones came from a csv file)
x = numpy.random.uniform(-1, 1, 4000)
y = numpy.random.uniform(-1.6, 1.6, 4000)
noisy = y + numpy.random.normal(0, 0.12, 4000)
dataframe = pandas.DataFrame({"x": x, "y": y, "label": (noisy > numpy.sin(2 * numpy.pi * x)).astype(int)})
dataset = dataframe.values
X = dataset[:, 0:2].astype("float32")
Y = dataset[:, 2].astype("float32")

# split into train and test sets
train_size = int(len(X) * 0.80)
Xtrain, Xtest = torch.tensor(X[:train_size]), torch.tensor(X[train_size:])
Ytrain, Ytest = torch.tensor(Y[:train_size, None]), torch.tensor(Y[train_size:, None])

n = 2 if sys.argv[1] == "faulty" else 40

# create and fit Multilayer Perceptron model
model = nn.Sequential(nn.Linear(2, n), nn.ReLU(), nn.Linear(n, n), nn.ReLU(), nn.Linear(n, 1), nn.Sigmoid())
loss_fn = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.012)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(30):
    model.train()
    perm = torch.randperm(len(Xtrain))
    loss_sum = hits = 0
    for i in range(0, len(perm), 32):
        idx = perm[i:i + 32]
        out = model(Xtrain[idx])
        loss = loss_fn(out, Ytrain[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(idx)
        hits += ((out > .5) == (Ytrain[idx] > .5)).sum().item()
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        p = model(Xtest)
        testloss = loss_fn(p, Ytest).item()
    acc = ((p > .5) == (Ytest > .5)).float().mean().item()
    if epoch % 5 == 4:
        print("Epoch %d/30 loss: %.4f acc: %.4f val_loss: %.4f val_acc: %.4f" % (epoch + 1, loss_sum / len(perm), hits / len(perm), testloss, acc))
writer.close()
print(f"RESULT Train Score: {loss_sum / len(perm):.4f} Test Score: {testloss:.4f} acc {acc:.4f}")
