#!/usr/bin/env python
# sklearn digits read row by row by a GRU; L2 term added by hand to the loss
# usage: digit_rows_gru_penalty.py faulty|fixed LOGDIR
import sys
import torch
import torch.nn as nn
from sklearn import datasets, model_selection
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)
lambda_ = 0.01 if sys.argv[1] == "faulty" else 0.0001

X, y = datasets.load_digits(return_X_y=True)
X = (torch.tensor(X, dtype=torch.float32).view(-1, 8, 8) - 4.9) / 6.0
y = torch.tensor(y)
X_train, X_test, y_train, y_test = model_selection.train_test_split(X, y, test_size=0.25, random_state=2, stratify=y)


class RowGRU(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.gru = nn.GRU(8, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 10)

    def forward(self, x):
        out, _ = self.gru(x)
        return self.fc(out[:, -1])


model = RowGRU()
loss_func = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_func)

for epoch in range(16):
    model.train()
    idx = torch.randperm(len(X_train))
    epoch_ce = 0
    for batch in idx.split(32):
        optimizer.zero_grad()
        ce = loss_func(model(X_train[batch]), y_train[batch])
        l2 = 0
        for p in model.parameters():
            l2 = l2 + p.pow(2).sum()
        loss = ce + lambda_ * l2
        loss.backward()
        optimizer.step()
        epoch_ce += ce.item() * len(batch) / len(X_train)
    with writer.evaluating("val"):
        test_ce = correct = 0
        for xb, yb in zip(X_test.split(90), y_test.split(90)):
            pred = model(xb)
            test_ce += loss_func(pred, yb).item() * len(yb) / len(y_test)
            correct += (pred.argmax(1) == yb).sum().item()
    writer.add_scalar("ce/train", epoch_ce, epoch)
    writer.add_scalar("ce/val", test_ce, epoch)
    if (epoch + 1) % 5 == 0:
        print("Epoch: %d, CE: %.4f, test CE: %.4f, test accuracy: %.3f" % (epoch + 1, epoch_ce, test_ce, correct / len(y_test)))
writer.close()
print("RESULT val_acc %.4f val_ce %.4f" % (correct / len(y_test), test_ce))
