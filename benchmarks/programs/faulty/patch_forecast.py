# train_patchtst.py - one step ahead forecasting of a multi sensor series with a small PatchTST
import argparse
import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter


class SeriesDataset(Dataset):
    """Windows of `seq_len` steps, the target is the `pred_len` following values of the first channel."""

    def __init__(self, values, seq_len, pred_len):
        self.values, self.seq_len, self.pred_len = values, seq_len, pred_len

    def __len__(self):
        return len(self.values) - self.seq_len - self.pred_len

    def __getitem__(self, i):
        x = self.values[i:i + self.seq_len]
        y = self.values[i + self.seq_len:i + self.seq_len + self.pred_len, 0]
        if self.pred_len == 1:
            y = y[0]
        return torch.from_numpy(x), torch.as_tensor(y)


class PatchTST(nn.Module):
    def __init__(self, n_channels, seq_len, pred_len, patch_len=8, d_model=32, n_heads=4, n_layers=2, dropout=0.05):
        super().__init__()
        self.patch_len = patch_len
        n_patches = seq_len // patch_len
        self.embed = nn.Linear(patch_len * n_channels, d_model)
        self.pos = nn.Parameter(torch.randn(1, n_patches, d_model) * 0.02)
        layer = nn.TransformerEncoderLayer(d_model, n_heads, 64, dropout, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, n_layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model * n_patches, pred_len)

    def forward(self, x):
        b, t, c = x.shape
        patches = x.reshape(b, t // self.patch_len, self.patch_len * c)
        z = self.norm(self.encoder(self.embed(patches) + self.pos))
        return self.head(z.flatten(1))


def make_series(n=3600, seed=3):
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    day = np.sin(2 * np.pi * t / 48) + 0.5 * np.sin(2 * np.pi * t / 24 + 1)
    week = 0.7 * np.sin(2 * np.pi * t / 336)
    drive = np.zeros(n)
    for i in range(1, n):
        drive[i] = 0.95 * drive[i - 1] + 0.3 * rng.normal()
    target = 1.5 * day * (1 + 0.4 * week) + np.roll(drive, 3) + 0.1 * rng.normal(size=n)
    return np.stack([target, drive, week + 0.1 * rng.normal(size=n)], 1).astype(np.float32)


def main(form, logdir):
    parser = argparse.ArgumentParser()
    parser.add_argument("--seq-len", type=int, default=48)
    parser.add_argument("--pred-len", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    args = parser.parse_args([])

    torch.manual_seed(42)
    series = make_series()
    split = int(len(series) * 0.8)
    mean, std = series[:split].mean(0), series[:split].std(0)
    series = (series - mean) / std
    train_loader = DataLoader(SeriesDataset(series[:split], args.seq_len, args.pred_len), args.batch_size, shuffle=True)
    val_loader = DataLoader(SeriesDataset(series[split:], args.seq_len, args.pred_len), 256)

    model = PatchTST(3, args.seq_len, args.pred_len)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-4)
    criterion = nn.MSELoss()
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, criterion, train_loader=train_loader)

    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for x_batch, y_batch in train_loader:
            optimizer.zero_grad()
            pred = model(x_batch)
            if form == "fixed":
                y_batch = y_batch.view_as(pred)
            loss = criterion(pred, y_batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item() * len(x_batch)
        model.eval()
        preds, ys = [], []
        with torch.no_grad(), writer.evaluating("val"):
            for x_batch, y_batch in val_loader:
                pred = model(x_batch)
                if form == "fixed":
                    y_batch = y_batch.view_as(pred)
                criterion(pred, y_batch)
                preds.append(pred.flatten())
                ys.append(y_batch.flatten())
        p, y = torch.cat(preds), torch.cat(ys)
        print(f"epoch {epoch}: train {total / len(train_loader.dataset):.4f}  val rmse {((p - y) ** 2).mean().sqrt():.4f}"
              f"  val mae {(p - y).abs().mean():.4f}  r2 {1 - ((p - y) ** 2).mean() / y.var():.3f}")
    writer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
