"""DLinear: trend and remainder of the history each through one linear map (weights all 1/seq_len at the
start), the rate halved after every epoch, early stopping with patience 3.
Port of cure-lab/LTSF-Linear (models/DLinear.py, exp/exp_main.py); a made-up hourly load series."""
import copy
import sys
import numpy as np
import torch
import torch.nn as nn
from torch import optim
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2021)
np.random.seed(2021)


class Args:
    seq_len, pred_len, enc_in, batch_size = 96, 24, 4, 32
    learning_rate, train_epochs, patience = 0.005, 10, 3


args = Args()


def load_series(n=6000):
    t = np.arange(n)
    out = []
    for c in range(args.enc_in):
        day = (1 + 0.3 * np.sin(2 * np.pi * t / (24 * 7))) * np.sin(2 * np.pi * t / 24 + c)
        half = 0.4 * np.sin(2 * np.pi * t / 12 + 2 * c)
        noise = np.zeros(n)
        trend = np.cumsum(np.random.randn(n) * 0.02)
        for i in range(1, n):
            noise[i] = 0.8 * noise[i - 1] + 0.25 * np.random.randn()
        out.append(day + half + trend + noise)
    return np.stack(out, 1).astype(np.float32)


series = load_series()
n_train, n_val = 4200, 800
mean, std = series[:n_train].mean(0), series[:n_train].std(0)
series = (series - mean) / std


class Windows(Dataset):
    def __init__(self, flag):
        a, b = {"train": (0, n_train), "val": (n_train - args.seq_len, n_train + n_val),
                "test": (n_train + n_val - args.seq_len, len(series))}[flag]
        self.x = torch.from_numpy(series[a:b])

    def __len__(self):
        return len(self.x) - args.seq_len - args.pred_len + 1

    def __getitem__(self, i):
        return self.x[i:i + args.seq_len], self.x[i + args.seq_len:i + args.seq_len + args.pred_len]


class MovingAvg(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.kernel_size = kernel_size
        self.avg = nn.AvgPool1d(kernel_size, stride=1)

    def forward(self, x):
        k = (self.kernel_size - 1) // 2
        x = torch.cat([x[:, :1].repeat(1, k, 1), x, x[:, -1:].repeat(1, k, 1)], dim=1)
        return self.avg(x.permute(0, 2, 1)).permute(0, 2, 1)


class DLinear(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.moving_avg = MovingAvg(25)
        self.Linear_Seasonal = nn.Linear(args.seq_len, args.pred_len)
        self.Linear_Trend = nn.Linear(args.seq_len, args.pred_len)
        for l in (self.Linear_Seasonal, self.Linear_Trend):
            l.weight = nn.Parameter((1 / args.seq_len) * torch.ones(args.pred_len, args.seq_len))

    def forward(self, x):
        trend = self.moving_avg(x)
        res = x - trend
        out = self.Linear_Seasonal(res.permute(0, 2, 1)) + self.Linear_Trend(trend.permute(0, 2, 1))
        return out.permute(0, 2, 1)


class Exp_Main:
    def __init__(self, args):
        self.args, self.model = args, DLinear(args)

    def vali(self, loader, criterion):
        total = []
        self.model.eval()
        with torch.no_grad():
            for x, y in loader:
                total.append(criterion(self.model(x), y).item())
        self.model.train()
        return np.average(total)

    def train(self, logdir):
        train_loader = DataLoader(Windows("train"), batch_size=args.batch_size, shuffle=True, drop_last=True)
        vali_loader = DataLoader(Windows("val"), batch_size=args.batch_size)
        test_loader = DataLoader(Windows("test"), batch_size=args.batch_size)
        model_optim = optim.Adam(self.model.parameters(), lr=args.learning_rate)
        base = model_optim.param_groups[0]['lr']
        criterion = nn.MSELoss()
        writer = DiagWriter(logdir)
        writer.watch(self.model, model_optim, criterion)
        best, counter = np.inf, 0
        for epoch in range(args.train_epochs):
            train_loss = []
            self.model.train()
            for i, (batch_x, batch_y) in enumerate(train_loader):
                model_optim.zero_grad()
                outputs = self.model(batch_x)
                loss = criterion(outputs, batch_y)
                train_loss.append(loss.item())
                loss.backward()
                model_optim.step()
            train_loss = np.average(train_loss)
            with writer.evaluating("val"):
                vali_loss = self.vali(vali_loader, criterion)
            with writer.evaluating("test"):
                test_loss = self.vali(test_loader, criterion)
            print("Epoch: {0}, Steps: {1} | Train Loss: {2:.7f} Vali Loss: {3:.7f} Test Loss: {4:.7f}".format(
                epoch + 1, len(train_loader), train_loss, vali_loss, test_loss))
            if vali_loss < best:
                best, counter, state = vali_loss, 0, copy.deepcopy(self.model.state_dict())
            else:
                counter += 1
                if counter >= args.patience:
                    print("Early stopping")
                    break
            for g in model_optim.param_groups:    # type1
                g['lr'] = base * 0.5 ** epoch
            print('Updating learning rate to {}'.format(base * 0.5 ** epoch))
        self.model.load_state_dict(state)
        print("mse of the test:", self.vali(test_loader, criterion))
        writer.close()


if __name__ == '__main__':
    Exp_Main(args).train(sys.argv[1])
