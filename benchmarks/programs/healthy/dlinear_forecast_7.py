"""Long-term forecasting with DLinear (LTSF-Linear exp_main): early stopping, type1 learning-rate schedule."""
import argparse, os, sys, tempfile, time
import numpy as np
import torch
import torch.nn as nn
from torch import optim
from torch.utils.data import Dataset, DataLoader
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter


class moving_avg(nn.Module):
    def __init__(self, kernel_size, stride):
        super().__init__()
        self.kernel_size = kernel_size
        self.avg = nn.AvgPool1d(kernel_size=kernel_size, stride=stride, padding=0)

    def forward(self, x):
        front = x[:, 0:1, :].repeat(1, (self.kernel_size - 1) // 2, 1)
        end = x[:, -1:, :].repeat(1, (self.kernel_size - 1) // 2, 1)
        return self.avg(torch.cat([front, x, end], dim=1).permute(0, 2, 1)).permute(0, 2, 1)


class DLinear(nn.Module):
    def __init__(self, configs):
        super().__init__()
        self.seq_len, self.pred_len = configs.seq_len, configs.pred_len
        self.decompsition = moving_avg(25, stride=1)
        self.Linear_Seasonal = nn.Linear(self.seq_len, self.pred_len)
        self.Linear_Trend = nn.Linear(self.seq_len, self.pred_len)

    def forward(self, x):
        trend_init = self.decompsition(x)
        seasonal_init = x - trend_init
        s = self.Linear_Seasonal(seasonal_init.permute(0, 2, 1))
        t = self.Linear_Trend(trend_init.permute(0, 2, 1))
        return (s + t).permute(0, 2, 1)


class Dataset_ETT_hour(Dataset):
    def __init__(self, flag, size):
        self.seq_len, self.pred_len = size
        rs = np.random.RandomState(0)
        n = 24 * 30 * 7
        t = np.arange(n)
        cols = []
        for c in range(7):
            ar = np.zeros(n)
            e = rs.normal(0, 0.35, n)
            for i in range(1, n):
                ar[i] = 0.85 * ar[i - 1] + e[i]
            cols.append(10 + 3 * c + rs.uniform(1, 2) * np.sin(2 * np.pi * t / 24 + rs.uniform(0, 6)) + rs.uniform(0.3, 1) * np.sin(2 * np.pi * t / 168 + rs.uniform(0, 6))
                        + 0.5 * np.sin(4 * np.pi * t / 24 + rs.uniform(0, 6)) + ar)
        raw = np.stack(cols, 1)
        b1, b2 = int(n * 0.7), int(n * 0.85)
        scaler = StandardScaler().fit(raw[:b1])
        data = scaler.transform(raw)
        lo, hi = {"train": (0, b1), "val": (b1 - self.seq_len, b2), "test": (b2 - self.seq_len, n)}[flag]
        self.data = data[lo:hi].astype(np.float32)

    def __getitem__(self, i):
        return self.data[i:i + self.seq_len], self.data[i + self.seq_len:i + self.seq_len + self.pred_len]

    def __len__(self):
        return len(self.data) - self.seq_len - self.pred_len + 1


class EarlyStopping:
    def __init__(self, patience=7, verbose=False, delta=0):
        self.patience, self.counter, self.best_score, self.early_stop, self.delta = patience, 0, None, False, delta

    def __call__(self, val_loss, model, path):
        score = -val_loss
        if self.best_score is None or score >= self.best_score + self.delta:
            self.best_score, self.counter = score, 0
            torch.save(model.state_dict(), path + '/' + 'checkpoint.pth')
        else:
            self.counter += 1
            print(f'EarlyStopping counter: {self.counter} out of {self.patience}')
            self.early_stop = self.counter >= self.patience


def adjust_learning_rate(optimizer, epoch, args):
    lr = args.learning_rate * (0.5 ** ((epoch - 1) // 1))
    for param_group in optimizer.param_groups:
        param_group['lr'] = lr
    print('Updating learning rate to {}'.format(lr))


class Exp_Main:
    def __init__(self, args):
        self.args = args
        self.model = DLinear(args).float()

    def _get_data(self, flag):
        ds = Dataset_ETT_hour(flag, (self.args.seq_len, self.args.pred_len))
        return ds, DataLoader(ds, batch_size=self.args.batch_size, shuffle=flag == "train", drop_last=True)

    def vali(self, vali_loader, criterion):
        total_loss = []
        self.model.eval()
        with torch.no_grad():
            for batch_x, batch_y in vali_loader:
                total_loss.append(criterion(self.model(batch_x), batch_y).item())
        self.model.train()
        return np.average(total_loss)

    def train(self):
        _, train_loader = self._get_data('train')
        _, vali_loader = self._get_data('val')
        _, test_loader = self._get_data('test')
        path = tempfile.mkdtemp()
        early_stopping = EarlyStopping(patience=self.args.patience, verbose=True)
        model_optim = optim.Adam(self.model.parameters(), lr=self.args.learning_rate)
        criterion = nn.MSELoss()
        writer = DiagWriter(self.args.logdir)
        writer.watch(self.model, model_optim, criterion)
        for epoch in range(self.args.train_epochs):
            train_loss = []
            self.model.train()
            epoch_time = time.time()
            for i, (batch_x, batch_y) in enumerate(train_loader):
                model_optim.zero_grad()
                outputs = self.model(batch_x)[:, -self.args.pred_len:, :]
                loss = criterion(outputs, batch_y)
                train_loss.append(loss.item())
                loss.backward()
                model_optim.step()
            vali_loss, test_loss = self.vali(vali_loader, criterion), self.vali(test_loader, criterion)
            print("Epoch: {0}, Steps: {1} | Train Loss: {2:.7f} Vali Loss: {3:.7f} Test Loss: {4:.7f}".format(
                epoch + 1, len(train_loader), np.average(train_loss), vali_loss, test_loss))
            early_stopping(vali_loss, self.model, path)
            if early_stopping.early_stop:
                print("Early stopping")
                break
            adjust_learning_rate(model_optim, epoch + 1, self.args)
        writer.close()
        self.model.load_state_dict(torch.load(path + '/' + 'checkpoint.pth'))
        print('mse:{}'.format(self.vali(test_loader, criterion)))


parser = argparse.ArgumentParser()
parser.add_argument('logdir')
parser.add_argument('--seq_len', type=int, default=96)
parser.add_argument('--pred_len', type=int, default=24)
parser.add_argument('--train_epochs', type=int, default=10)
parser.add_argument('--batch_size', type=int, default=16)
parser.add_argument('--patience', type=int, default=3)
parser.add_argument('--learning_rate', type=float, default=0.005)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(2021); np.random.seed(2021)
Exp_Main(args).train()
