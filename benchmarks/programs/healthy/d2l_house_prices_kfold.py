# d2l.ai "Predicting House Prices on Kaggle" with the Boston data: log prices, standardised features, K folds
import sys
import numpy as np
import torch
from torch import nn
from mlxtend.data import boston_housing_data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
writer = DiagWriter(sys.argv[1])

X, y = boston_housing_data()
np.random.seed(0)
perm = np.random.permutation(len(X))
X, y = X[perm], y[perm]
n_train = 425
mean, std = X[:n_train].mean(0), X[:n_train].std(0)
features = torch.tensor((X - mean) / std, dtype=torch.float32)
# the error that matters is a relative one: log of the price, as in the competition
labels = torch.tensor(np.log(y / 20), dtype=torch.float32).reshape(-1, 1)
train_features, train_labels = features[:n_train], labels[:n_train]
test_features, test_labels = features[n_train:], labels[n_train:]

loss = nn.MSELoss()


def get_net():
    return nn.Sequential(nn.Linear(train_features.shape[1], 1))


def train(net, train_features, train_labels, valid_features, valid_labels, num_epochs, learning_rate, weight_decay, batch_size, name):
    train_ls, valid_ls = [], []
    train_iter = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(train_features, train_labels), batch_size, shuffle=True)
    optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate, weight_decay=weight_decay)
    writer.watch(net, optimizer, loss, name=name)
    for epoch in range(num_epochs):
        for X, y in train_iter:
            optimizer.zero_grad()
            l = loss(net(X), y)
            l.backward()
            optimizer.step()
        train_ls.append(np.sqrt(loss(net(train_features), train_labels).item()))
        if valid_labels is not None:
            with writer.evaluating("val"):
                valid_ls.append(np.sqrt(loss(net(valid_features), valid_labels).item()))
    return train_ls, valid_ls


def get_k_fold_data(k, i, X, y):
    fold_size = X.shape[0] // k
    idx = slice(i * fold_size, (i + 1) * fold_size)
    keep = torch.ones(len(X), dtype=torch.bool)
    keep[idx] = False
    return X[keep], y[keep], X[idx], y[idx]


def k_fold(k, X_train, y_train, num_epochs, learning_rate, weight_decay, batch_size):
    train_l_sum, valid_l_sum = 0, 0
    for i in range(k):
        data = get_k_fold_data(k, i, X_train, y_train)
        net = get_net()
        train_ls, valid_ls = train(net, *data, num_epochs, learning_rate, weight_decay, batch_size, name=f"fold{i + 1}")
        train_l_sum += train_ls[-1]
        valid_l_sum += valid_ls[-1]
        print(f'fold {i + 1}, train log rmse {float(train_ls[-1]):f}, valid log rmse {float(valid_ls[-1]):f}')
    return train_l_sum / k, valid_l_sum / k


k, num_epochs, lr, weight_decay, batch_size = 5, 60, 0.01, 0, 16
train_l, valid_l = k_fold(k, train_features, train_labels, num_epochs, lr, weight_decay, batch_size)
print(f'{k}-fold validation: avg train log rmse: {float(train_l):f}, avg valid log rmse: {float(valid_l):f}')
writer.close()
print(f"RESULT avg train log rmse {train_l:.4f} avg valid log rmse {valid_l:.4f} (std of the labels {labels.std():.3f})")
