# Dropout as a Bayesian approximation (yaringal/DropoutUncertaintyExps net.py), Boston housing, one hidden layer of 50.
import math
import sys

import numpy as np
import torch
import torch.nn as nn
from scipy.special import logsumexp
from mlxtend.data import boston_housing_data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class net:
    def __init__(self, X_train, y_train, n_hidden, n_epochs=40, normalize=True, tau=1.0, dropout=0.05, log_dir=None):
        if normalize:
            self.std_X_train = np.std(X_train, 0)
            self.std_X_train[self.std_X_train == 0] = 1
            self.mean_X_train = np.mean(X_train, 0)
        X_train = (X_train - self.mean_X_train) / self.std_X_train
        self.mean_y_train = np.mean(y_train)
        self.std_y_train = np.std(y_train)
        y_train_normalized = (y_train - self.mean_y_train) / self.std_y_train

        # We construct the network
        N = X_train.shape[0]
        batch_size = 32
        lengthscale = 1e-2
        reg = lengthscale**2 * (1 - dropout) / (2. * N * tau)
        layers = [nn.Dropout(dropout), nn.Linear(X_train.shape[1], n_hidden[0]), nn.ReLU()]
        for i in range(len(n_hidden) - 1):
            layers += [nn.Dropout(dropout), nn.Linear(n_hidden[i], n_hidden[i + 1]), nn.ReLU()]
        layers += [nn.Dropout(dropout), nn.Linear(n_hidden[-1], 1)]
        model = nn.Sequential(*layers)

        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=2 * reg)
        loss = nn.MSELoss()
        writer = DiagWriter(log_dir)
        writer.watch(model, optimizer, loss)
        X, y = torch.tensor(X_train).float(), torch.tensor(y_train_normalized).float().unsqueeze(1)
        # We iterate the learning process
        for epoch in range(n_epochs):
            perm = torch.randperm(N)
            for k in range(0, N, batch_size):
                b = perm[k:k + batch_size]
                optimizer.zero_grad()
                l = loss(model(X[b]), y[b])
                l.backward()
                optimizer.step()
            if epoch % 20 == 19:
                print("epoch", epoch + 1, "loss of the last batch %.4f" % l.item())
        writer.close()
        self.model = model
        self.tau = tau

    def predict(self, X_test, y_test, T=1000):
        X_test = torch.tensor((X_test - self.mean_X_train) / self.std_X_train).float()
        with torch.no_grad():
            self.model.eval()
            standard_pred = self.model(X_test).squeeze().numpy() * self.std_y_train + self.mean_y_train
            rmse_standard_pred = np.mean((y_test - standard_pred)**2.)**0.5
            self.model.train()       # dropout stays on
            Yt_hat = np.array([self.model(X_test).squeeze().numpy() for _ in range(T)]) * self.std_y_train + self.mean_y_train
        rmse = np.mean((y_test - Yt_hat.mean(0))**2.)**0.5
        # We compute the test log-likelihood
        ll = (logsumexp(-0.5 * self.tau * (y_test[None] - Yt_hat)**2., 0) - np.log(T)
              - 0.5*np.log(2*np.pi) + 0.5*np.log(self.tau))
        return rmse_standard_pred, rmse, np.mean(ll)


np.random.seed(1); torch.manual_seed(1)
X, y = boston_housing_data()
permutation = np.random.choice(range(X.shape[0]), X.shape[0], replace=False)
size_train = int(np.round(X.shape[0] * 0.9))
index_train, index_test = permutation[:size_train], permutation[size_train:]
network = net(X[index_train], y[index_train], [50], n_epochs=150, tau=0.15, dropout=0.05, log_dir=sys.argv[1])
error, MC_error, ll = network.predict(X[index_test], y[index_test], T=300)
tr_error, _, _ = network.predict(X[index_train], y[index_train], T=20)
print('RESULT train rmse %.3f test rmse %.3f MC rmse %.3f test_ll %.3f' % (tr_error, error, MC_error, ll))
