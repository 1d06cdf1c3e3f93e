import argparse
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

"""
Hourly westbound traffic volume on an interstate (like the UCI "Metro Interstate Traffic Volume" set)
from hour, weekday, month, holiday, temperature, rain, snow and clouds.
"""


def make_frame(n_hours, rng):
    idx = pd.date_range("2016-01-01", periods=n_hours, freq="h")
    hour, dow, doy = idx.hour.values, idx.dayofweek.values, idx.dayofyear.values
    temp = 281 - 14 * np.cos(2 * np.pi * (doy - 20) / 365) + 4 * np.sin(2 * np.pi * (hour - 9) / 24) + np.repeat(rng.normal(0, 4, n_hours // 24 + 1), 24)[:n_hours]
    clouds = rng.choice([1, 20, 40, 75, 90], n_hours, p=[.3, .1, .15, .2, .25])
    rain = np.where((clouds > 50) & (temp > 273) & (rng.random(n_hours) < .25), rng.gamma(.8, 1.2, n_hours), 0)
    snow = np.where((clouds > 50) & (temp <= 273) & (rng.random(n_hours) < .2), rng.gamma(1, .2, n_hours), 0)
    holiday = np.repeat(rng.random(n_hours // 24 + 1) < .03, 24)[:n_hours]
    wk = 400 + 5000 * np.exp(-.5 * ((hour - 7.2) / 1.6) ** 2) + 5400 * np.exp(-.5 * ((hour - 16.5) / 2.3) ** 2) + 3800 * np.exp(-.5 * ((hour - 12) / 2.6) ** 2) + 1500 * np.exp(-.5 * ((hour - 20.5) / 2) ** 2)
    we = 500 + 4000 * np.exp(-.5 * ((hour - 14) / 4.2) ** 2) + 700 * np.exp(-.5 * ((hour - 20) / 2.5) ** 2)
    volume = np.where((dow >= 5) | holiday, we, wk * (1 + .02 * dow * (dow < 5)))
    volume = volume * (1 - .05 * (rain > 1) - .25 * np.minimum(snow, .6)) * (1 + .04 * np.sin(2 * np.pi * (doy - 100) / 365)) * rng.lognormal(0, .1, n_hours)
    volume = np.where(rng.random(n_hours) < .012, volume * rng.uniform(.1, .7, n_hours), volume)   # road works, detectors
    return pd.DataFrame(dict(hour=hour, dow=dow, month=idx.month, holiday=holiday * 1, temp=temp, rain=rain, snow=snow, clouds=clouds, traffic_volume=np.round(volume)))


def features(df):
    hour = np.eye(24)[df.hour]
    dow = np.eye(7)[df.dow]
    month = np.stack([np.sin(2 * np.pi * df.month / 12), np.cos(2 * np.pi * df.month / 12)], 1)
    rest = np.stack([(df.temp - 281.) / 13., np.log1p(df.rain), df.snow, df.clouds / 100., df.holiday], 1)
    return np.concatenate([hour, dow, month, rest], 1).astype(np.float32)


def train(args, model, loader, optimizer, criterion, epoch):
    model.train()
    total = 0
    for batch_idx, (data, target) in enumerate(loader):
        optimizer.zero_grad()
        loss = criterion(model(data), target)
        loss.backward()
        optimizer.step()
        total += loss.item()
        if batch_idx % args.log_interval == 0:
            print(f'Train Epoch: {epoch} [{batch_idx * len(data)}/{len(loader.dataset)}]\tLoss: {loss.item():.6f}')
    return total / len(loader)


def test(model, loader, criterion, writer):
    model.eval()
    total, err = 0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for data, target in loader:
            out = model(data)
            total += criterion(out, target).item() * len(data)
            err += (out - target).abs().sum().item()
    return total / len(loader.dataset), err / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('logdir')
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--epochs', type=int, default=12)
    parser.add_argument('--lr', type=float, default=0.05)
    parser.add_argument('--momentum', type=float, default=0.9)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--log-interval', type=int, default=50)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)

    df = make_frame(24 * 365, np.random.default_rng(args.seed))
    df = df.sample(frac=.65, random_state=args.seed)          # the sensor's gaps; also shuffles
    X = torch.from_numpy(features(df))
    scale = df.traffic_volume.values[:4500].mean(), df.traffic_volume.values[:4500].std()
    y = torch.tensor((df.traffic_volume.values - scale[0]) / scale[1], dtype=torch.float32).unsqueeze(1)
    train_loader = DataLoader(TensorDataset(X[:4500], y[:4500]), batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(TensorDataset(X[4500:], y[4500:]), batch_size=1000)

    model = nn.Sequential(nn.Linear(X.shape[1], 48), nn.ReLU(), nn.Linear(48, 24), nn.ReLU(), nn.Linear(24, 1))
    criterion = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=args.momentum)
    scheduler = StepLR(optimizer, step_size=4, gamma=0.3)
    writer = DiagWriter(args.logdir)
    writer.watch(model, optimizer, criterion)
    for epoch in range(1, args.epochs + 1):
        train_loss = train(args, model, train_loader, optimizer, criterion, epoch)
        val_loss, mae = test(model, test_loader, criterion, writer)
        print(f'\nTest set: Average loss: {val_loss:.4f}, MAE: {mae * scale[1]:.0f} vehicles/h\n')
        scheduler.step()
    writer.close()
    print(f"RESULT train {train_loss:.4f} val_mse {val_loss:.4f} mae_vehicles {mae * scale[1]:.0f} target_std {scale[1]:.0f}")


if __name__ == '__main__':
    main()
