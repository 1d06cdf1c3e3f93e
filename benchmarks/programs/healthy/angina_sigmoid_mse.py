# Heart disease yes/no with a small sigmoid network and mean squared error (course homework: Keras -> PyTorch).
# Answer I got: standardise the columns, lr 0.01 was far too small for SGD on MSE with a sigmoid output; lr = 0.3 is fine.
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(13)
rs = np.random.RandomState(13)

N = 1500
age = rs.normal(54, 9, N)
sex = rs.binomial(1, .68, N)
pain = rs.choice(4, N, p=[.08, .17, .28, .47])
bp = 110 + .4 * age + rs.normal(0, 16, N)
chol = 200 + .9 * age - 12 * sex + rs.normal(0, 45, N)
maxhr = 203 - .95 * age - 6 * (pain == 3) + rs.normal(0, 19, N)
exang = rs.binomial(1, np.where(pain == 3, .55, .13))
oldpeak = np.clip(rs.gamma(1, .8, N) + .6 * exang + rs.normal(0, .3, N), 0, 6)
vessels = rs.poisson(np.exp(-1.2 + .03 * (age - 54) + .3 * sex)).clip(0, 3)
z = (-2.9 + 1.1 * sex + 1.6 * (pain == 3) + .015 * (bp - 130) + .004 * (chol - 246) - .018 * (maxhr - 150) + .8 * exang + .5 * oldpeak + 1.1 * vessels)
y = (rs.rand(N) < 1 / (1 + np.exp(-z))).astype(np.float32)
X = np.column_stack([age, sex, pain, bp, chol, maxhr, exang, oldpeak, vessels])
X = (X - X[:1200].mean(0)) / X[:1200].std(0)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y).reshape(-1, 1)


class NeuralNetwork(nn.Module):
    def __init__(self, n_inputs, n_hidden):
        super(NeuralNetwork, self).__init__()
        self.w1 = nn.Linear(n_inputs, n_hidden)
        self.w2 = nn.Linear(n_hidden, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        return self.sigmoid(self.w2(self.sigmoid(self.w1(x))))


nn_model = NeuralNetwork(9, 6)
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(nn_model.parameters(), lr=0.3)
writer = DiagWriter(sys.argv[1])
writer.watch(nn_model, optimizer, criterion)

for epoch in range(15):
    perm = torch.randperm(1200)
    for start in range(0, 1200, 10):
        i = perm[start:start + 10]
        optimizer.zero_grad()
        loss = criterion(nn_model(X[i]), y[i])
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"), torch.no_grad():
        out = nn_model(X[1200:])
        val_loss = criterion(out, y[1200:]).item()
        val_acc = ((out > .5).float() == y[1200:]).float().mean().item()
    if epoch % 5 == 4:
        with torch.no_grad():
            train_loss = ((nn_model(X[:1200]) - y[:1200]) ** 2).mean().item()
        print('epoch %d: train %.4f val %.4f acc %.3f' % (epoch + 1, train_loss, val_loss, val_acc))
writer.close()
print(f"RESULT train {train_loss:.4f} val {val_loss:.4f} acc {val_acc:.4f} base_variance {y[1200:].var().item():.4f}")
