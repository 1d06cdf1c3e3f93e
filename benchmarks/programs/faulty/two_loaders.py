import sys
import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0)

X, Y = load_digits(return_X_y=True)
X = torch.FloatTensor(X) / 16
Y = torch.LongTensor(Y)
X_train, Y_train, X_test, Y_test = X[:1400], Y[:1400], X[1400:], Y[1400:]

if sys.argv[1] == "faulty":
    # images and labels come in two loaders
    x_loader = DataLoader(X_train, batch_size=50, shuffle=True)
    y_loader = DataLoader(Y_train, batch_size=50, shuffle=True)
    batches = lambda: zip(x_loader, y_loader)
else:
    loader = DataLoader(list(zip(X_train, Y_train)), batch_size=50, shuffle=True)
    batches = lambda: iter(loader)

class MLP(nn.Module):
    def __init__(self, n_in, n_h, n_out):
        super(MLP, self).__init__()
        self.i2h = nn.Linear(n_in, n_h)
        self.h2o = nn.Linear(n_h, n_out)
        self.softmax = nn.LogSoftmax(dim=1)
    def forward(self, x):
        return self.softmax(self.h2o(torch.relu(self.i2h(x))))

mlp = MLP(64, 80, 10)
loss_func = nn.NLLLoss()
optim = torch.optim.RMSprop(mlp.parameters(), lr=5e-4)
writer = DiagWriter(sys.argv[2])
writer.watch(mlp, optim, loss_func)

for epoch in range(1, 41):
    cum = 0.
    for bx, by in batches():
        out = mlp(bx)
        loss = loss_func(out, by)
        optim.zero_grad()
        loss.backward()
        optim.step()
        cum += loss.item()
    if epoch % 5 == 0:
        with writer.evaluating("val"):
            o = mlp(X_test)
            tl = loss_func(o, Y_test)
        acc = (o.argmax(1) == Y_test).float().mean()
        print('Epoch', epoch, 'loss', cum / 28, 'test', tl.item(), 'acc', acc.item())
writer.close()
print('RESULT train %.4f test %.4f acc %.3f' % (cum / 28, tl.item(), acc.item()))
