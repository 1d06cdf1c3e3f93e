"""DLinear (LTSF-Linear's exp_main): trend and season by linear maps, Adam, lr halved each epoch (type1), early stopping, MSE."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch import optim
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter


class moving_avg(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.kernel_size = kernel_size
        self.avg = nn.AvgPool1d(kernel_size=kernel_size, stride=1, padding=0)

    def forward(self, x):
        k = (self.kernel_size - 1) // 2
        x = torch.cat([x[:, :1].repeat(1, k, 1), x, x[:, -1:].repeat(1, k, 1)], dim=1)
        return self.avg(x.permute(0, 2, 1)).permute(0, 2, 1)


class DLinear(nn.Module):
    def __init__(self, seq_len, pred_len):
        super().__init__()
        self.decompsition = moving_avg(25)
        self.Linear_Seasonal = nn.Linear(seq_len, pred_len)
        self.Linear_Trend = nn.Linear(seq_len, pred_len)

    def forward(self, x):
        trend = self.decompsition(x)
        seasonal = x - trend
        return (self.Linear_Seasonal(seasonal.permute(0, 2, 1)) + self.Linear_Trend(trend.permute(0, 2, 1))).permute(0, 2, 1)


class Dataset_ETT(Dataset):
    def __init__(self, data, seq_len, pred_len):
        self.data, self.seq_len, self.pred_len = data, seq_len, pred_len

    def __getitem__(self, i):
        return self.data[i : i + self.seq_len], self.data[i + self.seq_len : i + self.seq_len + self.pred_len]

    def __len__(self):
        return len(self.data) - self.seq_len - self.pred_len + 1


def ett(n=6000, channels=7):
    rng = np.random.default_rng(2021)
    t = np.arange(n)
    out = []
    for c in range(channels):
        drift = np.zeros(n)
        for i in range(1, n):
            drift[i] = 0.995 * drift[i - 1] + rng.normal(0, 0.05)
        out.append(rng.uniform(0.5, 1.5) * np.sin(2 * np.pi * t / 24 + rng.uniform(0, 6)) + rng.uniform(0.2, 0.6) * np.sin(2 * np.pi * t / 12 + rng.uniform(0, 6))
                   + rng.uniform(0.2, 0.6) * np.sin(2 * np.pi * t / 168) + drift + rng.normal(0, 0.3, n))
    x = np.stack(out, 1)
    m = int(0.7 * n)
    return torch.tensor((x - x[:m].mean(0)) / x[:m].std(0), dtype=torch.float32)


class EarlyStopping:
    def __init__(self, patience=3):
        self.patience, self.counter, self.best = patience, 0, np.inf

    def __call__(self, val_loss):
        if val_loss >= self.best:
            self.counter += 1
        else:
            self.best, self.counter = val_loss, 0
        return self.counter >= self.patience


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(2021)
    seq_len, pred_len, learning_rate = 96, 24, 0.005
    data = ett()
    a, b = int(0.7 * len(data)), int(0.8 * len(data))
    train_loader = DataLoader(Dataset_ETT(data[:a], seq_len, pred_len), batch_size=32, shuffle=True, drop_last=True)
    vali_loader = DataLoader(Dataset_ETT(data[a - seq_len : b], seq_len, pred_len), batch_size=128)
    test_loader = DataLoader(Dataset_ETT(data[b - seq_len :], seq_len, pred_len), batch_size=128)
    model = DLinear(seq_len, pred_len)
    model_optim = optim.Adam(model.parameters(), lr=learning_rate)
    criterion = nn.MSELoss()
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, model_optim, criterion)
    stop = EarlyStopping()

    def vali(split, loader):
        with writer.evaluating(split):
            return np.mean([criterion(model(x), y).item() for x, y in loader])

    for epoch in range(10):
        model.train()
        train_loss = []
        for batch_x, batch_y in train_loader:
            model_optim.zero_grad()
            loss = criterion(model(batch_x), batch_y)
            train_loss.append(loss.item())
            loss.backward()
            model_optim.step()
        v, t = vali("val", vali_loader), vali("test", test_loader)
        if stop(v):
            break
        for g in model_optim.param_groups:
            g["lr"] = learning_rate * 0.5**epoch
    print(f"RESULT epochs {epoch + 1} train {np.mean(train_loss):.4f} val {v:.4f} best {stop.best:.4f} test {t:.4f}")
    writer.close()
