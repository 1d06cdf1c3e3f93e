# Homework 1 (NTU ML2021 spring): COVID-19 cases prediction, the sample code's NeuralNet with early stopping.
# The survey table is simulated: 40 states one-hot + 3 days x 18 survey shares, target = tested positive of day 3.
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
myseed = 42069
np.random.seed(myseed)
torch.manual_seed(myseed)


def survey(n=2700):
    rng = np.random.RandomState(7)
    state = rng.randint(0, 40, n)
    base = rng.normal(0, 1, 40)[state]
    load = rng.normal(0, 1, 17)
    rows, level = [np.eye(40)[state]], base + rng.normal(0, .8, n)
    for day in range(3):
        level = .95 * level + rng.normal(0, .15, n)
        items = 20 + 8 * (level[:, None] * load + rng.normal(0, .7, (n, 17)))
        positive = 16 + 6 * level + 1.5 * np.tanh(level) * load[0] + rng.normal(0, .7, n)
        rows += [items, positive[:, None]]
    data = np.concatenate(rows, 1)
    return data


class COVID19Dataset(Dataset):
    def __init__(self, data, mode='train'):
        self.mode = mode
        target = data[:, -1]
        feats = list(range(40)) + [57, 75]          # TODO of the homework: 40 states & 2 tested_positive
        data = data[:, feats]
        # Splitting training data into train & dev sets
        if mode == 'train':
            indices = [i for i in range(len(data)) if i % 10 != 0]
        elif mode == 'dev':
            indices = [i for i in range(len(data)) if i % 10 == 0]
        self.data = torch.FloatTensor(data[indices])
        self.target = torch.FloatTensor(target[indices])
        # Normalize features (you may remove this part to see what will happen)
        self.data[:, 40:] = (self.data[:, 40:] - self.data[:, 40:].mean(dim=0, keepdim=True)) / self.data[:, 40:].std(dim=0, keepdim=True)
        self.dim = self.data.shape[1]
        print('Finished reading the {} set of COVID19 Dataset ({} samples found, each dim = {})'.format(mode, len(self.data), self.dim))

    def __getitem__(self, index):
        return self.data[index], self.target[index]

    def __len__(self):
        return len(self.data)


class NeuralNet(nn.Module):
    ''' A simple fully-connected deep neural network '''
    def __init__(self, input_dim):
        super(NeuralNet, self).__init__()
        self.net = nn.Sequential(nn.Linear(input_dim, 64), nn.ReLU(), nn.Linear(64, 1))
        self.criterion = nn.MSELoss(reduction='mean')

    def forward(self, x):
        ''' Given input of size (batch_size x input_dim), compute output of the network '''
        return self.net(x).squeeze(1)

    def cal_loss(self, pred, target):
        return self.criterion(pred, target)


def train(tr_set, dv_set, model, config, writer):
    optimizer = getattr(torch.optim, config['optimizer'])(model.parameters(), **config['optim_hparas'])
    writer.watch(model, optimizer)
    min_mse = 1000.
    early_stop_cnt = 0
    epoch = 0
    while epoch < config['n_epochs']:
        model.train()
        for x, y in tr_set:
            optimizer.zero_grad()
            pred = model(x)
            mse_loss = model.cal_loss(pred, y)
            mse_loss.backward()
            optimizer.step()
        # After each epoch, test your model on the validation (development) set.
        with writer.evaluating("val"):
            dev_mse = dev(dv_set, model)
        if dev_mse < min_mse:
            min_mse = dev_mse
            if epoch % 20 == 0:
                print('Saving model (epoch = {:4d}, loss = {:.4f})'.format(epoch + 1, min_mse))
            early_stop_cnt = 0
        else:
            early_stop_cnt += 1
        epoch += 1
        if early_stop_cnt > config['early_stop']:
            break
    print('Finished training after {} epochs'.format(epoch))
    return min_mse, dev_mse, mse_loss.item()


def dev(dv_set, model):
    total_loss = 0
    for x, y in dv_set:
        pred = model(x)
        mse_loss = model.cal_loss(pred, y)
        total_loss += mse_loss.item() * len(x)
    return total_loss / len(dv_set.dataset)


config = {
    'n_epochs': 400,
    'batch_size': 270,
    'optimizer': 'SGD',
    'optim_hparas': {'lr': 0.001, 'momentum': 0.9},
    'early_stop': 100,
}
data = survey()
tr_set = DataLoader(COVID19Dataset(data, 'train'), config['batch_size'], shuffle=True)
dv_set = DataLoader(COVID19Dataset(data, 'dev'), config['batch_size'], shuffle=False)
model = NeuralNet(tr_set.dataset.dim)
writer = DiagWriter(sys.argv[1])
best, last, tr = train(tr_set, dv_set, model, config, writer)
writer.close()
print("RESULT dev mse best %.4f last %.4f last train batch %.4f (variance of the target %.1f)" % (best, last, tr, data[:, -1].var()))
