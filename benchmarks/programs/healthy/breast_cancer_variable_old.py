# breast cancer, 2017 style (Variable, volatile is gone by now), 30 columns -> 2 classes
from __future__ import print_function, division
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.autograd import Variable
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(123)

data, target = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(data, target, test_size=0.25, random_state=4, stratify=target)
scaler = StandardScaler()
x_train = scaler.fit_transform(x_train)
x_test = scaler.transform(x_test)


class Net(nn.Module):
    def __init__(self, n_feature, n_hidden, n_output):
        super(Net, self).__init__()
        self.hidden = nn.Linear(n_feature, n_hidden)
        self.out = nn.Linear(n_hidden, n_output)

    def forward(self, x):
        x = torch.sigmoid(self.hidden(x))
        x = F.dropout(x, p=0.2, training=self.training)
        return F.log_softmax(self.out(x), dim=1)


net = Net(30, 16, 2)
print(net)
optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.5, weight_decay=1e-3)
loss_func = nn.NLLLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, loss_func)

X = Variable(torch.from_numpy(x_train).float())
Y = Variable(torch.from_numpy(y_train).long())
Xt = Variable(torch.from_numpy(x_test).float())
Yt = Variable(torch.from_numpy(y_test).long())
BATCH = 10
epochs = 40
for t in range(epochs):
    net.train()
    shuffle = torch.randperm(X.size(0))
    total = 0.
    for k in range(0, X.size(0), BATCH):
        i = shuffle[k:k + BATCH]
        out = net(X[i])
        loss = loss_func(out, Y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * i.size(0)
    net.eval()
    with torch.no_grad(), writer.evaluating("test"):
        out = net(Xt)
        test_loss = loss_func(out, Yt).item()
    accuracy = (torch.max(out, 1)[1] == Yt).float().mean().item()
    if t % 5 == 4:
        print('Epoch:', t + 1, '| train loss: %.4f' % (total / X.size(0)), '| test loss: %.4f' % test_loss, '| test accuracy: %.3f' % accuracy)
writer.close()
print("RESULT train=%.4f test=%.4f acc=%.3f" % (total / X.size(0), test_loss, accuracy))
