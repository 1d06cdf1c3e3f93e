"""Hourly bike rentals, one sigmoid hidden layer (Udacity deep-learning-v2-pytorch, project-bikesharing), with nn and SGD."""
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn, optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)


def hour_csv(days=420, seed=21):
    rng = np.random.default_rng(seed)
    h = np.tile(np.arange(24), days)
    day = np.repeat(np.arange(days), 24)
    wk = day % 7
    work = (wk < 5).astype(int)
    season = ((day % 365) // 92).clip(0, 3) + 1
    temp = .5 - .28 * np.cos(2 * np.pi * (day - 20) / 365) + .06 * np.sin(2 * np.pi * (h - 8) / 24) + np.repeat(rng.normal(0, .05, days), 24)
    hum = (.62 - .1 * np.sin(2 * np.pi * (h - 8) / 24) + np.repeat(rng.normal(0, .13, days), 24)).clip(.1, 1)
    wind = np.abs(rng.normal(.19, .11, days * 24))
    weather = np.where(hum > .82, 3, np.where(hum > .68, 2, 1))
    commute = np.exp(-((h - 8) / 1.3) ** 2) + 1.25 * np.exp(-((h - 17.5) / 2) ** 2) + .35 * np.exp(-((h - 13) / 3.5) ** 2)
    leisure = 1.1 * np.exp(-((h - 14) / 4.2) ** 2)
    base = np.where(work == 1, commute, leisure) + .06
    cnt = 420 * base * (.25 + 1.1 * temp) * (1 - .55 * (weather == 3) - .12 * (weather == 2)) * (1 - .3 * wind) * (1 + .0009 * day)
    cnt = np.round(cnt * np.exp(rng.normal(0, .18, len(cnt))) + rng.poisson(4, len(cnt)))
    return pd.DataFrame(dict(season=season, weathersit=weather, hr=h, weekday=wk, workingday=work, temp=temp, hum=hum, windspeed=wind, cnt=cnt, trend=day / days))


rides = hour_csv()
for each in ['season', 'weathersit', 'hr', 'weekday']:
    rides = pd.concat([rides, pd.get_dummies(rides[each], prefix=each, drop_first=False)], axis=1)
data = rides.drop(['season', 'weathersit', 'weekday', 'hr'], axis=1).astype(float)
scaled_features = {}
for each in ['cnt', 'temp', 'hum', 'windspeed', 'trend']:
    mean, std = data[each].mean(), data[each].std()
    scaled_features[each] = [mean, std]
    data.loc[:, each] = (data[each] - mean) / std
test_data = data[-21 * 24:]
data = data[:-21 * 24]
features, targets = data.drop('cnt', axis=1), data['cnt']
perm = np.random.default_rng(1).permutation(len(data))
tr, va = perm[:-60 * 24], perm[-60 * 24:]
t = lambda a: torch.tensor(np.asarray(a, dtype=np.float32))
train_features, train_targets = t(features)[tr], t(targets)[tr]
val_features, val_targets = t(features)[va], t(targets)[va]
test_features, test_targets = t(test_data.drop('cnt', axis=1)), t(test_data['cnt'])


class NeuralNetwork(nn.Module):
    def __init__(self, input_nodes, hidden_nodes, output_nodes):
        super().__init__()
        self.hidden = nn.Linear(input_nodes, hidden_nodes)
        self.output = nn.Linear(hidden_nodes, output_nodes)

    def forward(self, x):
        return self.output(torch.sigmoid(self.hidden(x)))


iterations, learning_rate, hidden_nodes, batch = 10000, 0.12, 20, 128
network = NeuralNetwork(train_features.shape[1], hidden_nodes, 1)
criterion = nn.MSELoss()
optimizer = optim.SGD(network.parameters(), lr=learning_rate)
writer = DiagWriter(sys.argv[1])
writer.watch(network, optimizer, criterion)
rng = np.random.default_rng(0)
for ii in range(iterations):
    b = rng.choice(len(train_features), size=batch)
    loss = criterion(network(train_features[b]), train_targets[b, None])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if ii % 125 == 124:
        with writer.evaluating("val"):
            val_loss = criterion(network(val_features), val_targets[:, None])
        if ii % 1000 == 999:
            print(f"Progress: {100 * (ii + 1) / iterations:2.0f}% ... Training loss: {loss:.3f} ... Validation loss: {val_loss:.3f}")
with torch.no_grad():
    p = network(test_features)[:, 0]
    print(f"val {val_loss:.4f} test mse {((p - test_targets) ** 2).mean():.3f} of variance {test_targets.var():.3f}")
writer.close()
