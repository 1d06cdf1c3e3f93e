# Star / galaxy / quasar from SDSS magnitudes. Course assignment: "train a network with RMSprop and plot the learning curve"
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.preprocessing import RobustScaler
from sklearn.model_selection import train_test_split
from sklearn.metrics import confusion_matrix
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(17)
torch.manual_seed(17)

n = 7000
kind = np.random.choice(3, n, p=[.59, .22, .19])                 # galaxy, star, quasar
r_mag = np.where(kind == 0, np.random.normal(19.2, 1.6, n), np.where(kind == 1, np.random.normal(19, 1.9, n), np.random.normal(20.2, 1.1, n)))
t = np.random.rand(n)
z = np.where(kind == 0, np.random.gamma(3, .14, n), np.where(kind == 1, 0, np.random.gamma(4, .42, n)))
ug = np.where(kind == 0, 1.8 + .9 * z, np.where(kind == 1, .7 + 1.8 * t, .25 + .35 * np.sin(3 * z))) + np.random.randn(n) * .38
gr = np.where(kind == 0, .65 + 1.3 * np.minimum(z, .6), np.where(kind == 1, .2 + 1.1 * t, .2 + .15 * np.cos(4 * z))) + np.random.randn(n) * .2
ri = np.where(kind == 0, .35 + .4 * z, np.where(kind == 1, .05 + .9 * t ** 2, .15 + .1 * np.sin(5 * z))) + np.random.randn(n) * .13
iz = np.where(kind == 0, .25 + .2 * z, np.where(kind == 1, .03 + .5 * t ** 2, .1)) + np.random.randn(n) * .15
conc = np.where(kind == 0, np.random.normal(.25, .18, n), np.random.normal(.02, .06, n)) + np.random.randn(n) * .08 * np.maximum(r_mag - 18, .2)
mags = np.c_[r_mag + gr + ug, r_mag + gr, r_mag, r_mag - ri, r_mag - ri - iz, conc]

X_train, X_test, y_train, y_test = train_test_split(mags, kind, test_size=.3, random_state=17)
# colours are differences of magnitudes: help the network a little
col = lambda m: np.c_[m[:, 2], -np.diff(m[:, :5], axis=1), m[:, 5]]
rs = RobustScaler().fit(col(X_train))
X_train, X_test = [torch.tensor(rs.transform(col(m)), dtype=torch.float32) for m in (X_train, X_test)]
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)


class Classifier(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super(Classifier, self).__init__()
        self.hidden1 = nn.Linear(n_in, n_hidden)
        self.hidden2 = nn.Linear(n_hidden, n_hidden)
        self.output = nn.Linear(n_hidden, n_out)

    def forward(self, x):
        x = torch.tanh(self.hidden1(x))
        x = torch.tanh(self.hidden2(x))
        return F.log_softmax(self.output(x), dim=1)


net = Classifier(X_train.shape[1], 24, 3)
optimizer = torch.optim.RMSprop(net.parameters(), lr=0.002)
criterion = nn.NLLLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)
history = {'loss': [], 'val_loss': [], 'val_acc': []}
batch = 32
epochs = 15
for epoch in range(epochs):
    net.train()
    idx = np.random.permutation(len(X_train))
    acc_loss = 0.0
    for start in range(0, len(idx), batch):
        sel = idx[start:start + batch]
        net.zero_grad()
        loss = criterion(net(X_train[sel]), y_train[sel])
        loss.backward()
        optimizer.step()
        acc_loss += loss.item() * len(sel)
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logp = net(X_test)
        vl = criterion(logp, y_test).item()
    history['loss'].append(acc_loss / len(idx)); history['val_loss'].append(vl)
    history['val_acc'].append((logp.argmax(1) == y_test).float().mean().item())
    print('Epoch', epoch + 1, {k: round(v[-1], 4) for k, v in history.items()})
writer.close()
print(confusion_matrix(y_test, logp.argmax(1)))
print(f"RESULT val_loss={vl:.4f} best={min(history['val_loss']):.4f} val_acc={history['val_acc'][-1]:.4f}")
