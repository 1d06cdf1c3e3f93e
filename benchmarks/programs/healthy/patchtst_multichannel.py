"""PatchTST (Nie et al. 2023, yuqinie98/PatchTST supervised) at small size: channel independence, RevIN, patches of 12 with
stride 6, forecast of the next 24 hours for 6 channels. The split is 70/30 in time; all channels are z-scored by the training part."""
import sys
import math
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2021)


class Config:
    seq_len, pred_len, patch_len, stride = 96, 24, 12, 6
    enc_in, d_model, n_heads, e_layers, d_ff, dropout, fc_dropout = 6, 32, 4, 2, 64, 0.2, 0.2
    batch_size, train_epochs, learning_rate, pct_start = 16, 4, 1e-3, 0.3


def series(T=3200, C=6, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(T)
    load = np.zeros((T, 2))
    for i in range(1, T):
        load[i] = .97 * load[i - 1] + rng.normal(0, .25, 2)
    X = []
    for c in range(C):
        a = rng.uniform(.5, 1.5, 3)
        daily = a[0] * np.sin(2 * np.pi * t / 24 + rng.uniform(0, 6)) + .5 * a[1] * np.sin(4 * np.pi * t / 24 + rng.uniform(0, 6))
        weekly = 1 + .3 * np.sin(2 * np.pi * t / 168 + rng.uniform(0, 6))
        e = np.zeros(T)
        for i in range(1, T):
            e[i] = .7 * e[i - 1] + rng.normal(0, .3)
        X.append(10 * c + (1 + c) * (daily * weekly + load @ rng.uniform(-.5, .5, 2) + e))
    return np.stack(X, 1).astype(np.float32)


class Dataset_Custom(Dataset):
    def __init__(self, data, cfg):
        self.data, self.cfg = torch.from_numpy(data), cfg

    def __len__(self):
        return (len(self.data) - self.cfg.seq_len - self.cfg.pred_len) // 2

    def __getitem__(self, i):
        s = 2 * i
        e = s + self.cfg.seq_len
        return self.data[s:e], self.data[e:e + self.cfg.pred_len]


class RevIN(nn.Module):
    def __init__(self, n, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.affine_weight = nn.Parameter(torch.ones(n))
        self.affine_bias = nn.Parameter(torch.zeros(n))

    def norm(self, x):
        self.mean = x.mean(1, keepdim=True).detach()
        self.stdev = torch.sqrt(x.var(1, keepdim=True, unbiased=False) + self.eps).detach()
        return (x - self.mean) / self.stdev * self.affine_weight + self.affine_bias

    def denorm(self, x):
        return (x - self.affine_bias) / (self.affine_weight + self.eps ** 2) * self.stdev + self.mean


class PatchTST(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        n_patch = (c.seq_len - c.patch_len) // c.stride + 2
        self.revin = RevIN(c.enc_in)
        self.pad = nn.ReplicationPad1d((0, c.stride))
        self.W_P = nn.Linear(c.patch_len, c.d_model)
        self.W_pos = nn.Parameter(torch.empty(n_patch, c.d_model).uniform_(-.02, .02))
        layer = nn.TransformerEncoderLayer(c.d_model, c.n_heads, c.d_ff, c.dropout, 'gelu', batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, c.e_layers)
        self.head = nn.Sequential(nn.Flatten(-2), nn.Linear(n_patch * c.d_model, c.pred_len), nn.Dropout(0.))

    def forward(self, x):                                    # x: [Batch, Input length, Channel]
        B, L, C = x.shape
        z = self.revin.norm(x).permute(0, 2, 1)
        z = self.pad(z).unfold(-1, self.c.patch_len, self.c.stride)      # [B, C, n_patch, patch_len]
        z = self.W_P(z).reshape(B * C, -1, self.c.d_model) + self.W_pos
        z = self.head(self.encoder(z)).reshape(B, C, -1).permute(0, 2, 1)
        return self.revin.denorm(z)


cfg = Config()
raw = series()
border = int(len(raw) * .7)
scaled = (raw - raw[:border].mean(0)) / raw[:border].std(0)
train_loader = DataLoader(Dataset_Custom(scaled[:border], cfg), cfg.batch_size, shuffle=True, drop_last=True)
vali_loader = DataLoader(Dataset_Custom(scaled[border - cfg.seq_len:], cfg), 64)
model = PatchTST(cfg)
model_optim = torch.optim.Adam(model.parameters(), lr=cfg.learning_rate)
criterion = nn.MSELoss()
scheduler = torch.optim.lr_scheduler.OneCycleLR(model_optim, max_lr=cfg.learning_rate, steps_per_epoch=len(train_loader),
                                                pct_start=cfg.pct_start, epochs=cfg.train_epochs)
writer = DiagWriter(sys.argv[1])
writer.watch(model, model_optim, criterion)


def vali():
    model.eval()
    total, mae = [], []
    with torch.no_grad():
        for batch_x, batch_y in vali_loader:
            outputs = model(batch_x)
            total.append(criterion(outputs, batch_y).item())
            mae.append((outputs - batch_y).abs().mean().item())
    model.train()
    return np.average(total), np.average(mae)


for epoch in range(cfg.train_epochs):
    train_loss = []
    for i, (batch_x, batch_y) in enumerate(train_loader):
        model_optim.zero_grad()
        outputs = model(batch_x)
        loss = criterion(outputs, batch_y)
        train_loss.append(loss.item())
        loss.backward()
        model_optim.step()
        scheduler.step()
    with writer.evaluating("val"):
        vali_loss, vali_mae = vali()
    print(f"Epoch: {epoch + 1}, Steps: {len(train_loader)} | Train Loss: {np.average(train_loss):.7f} Vali Loss: {vali_loss:.7f} MAE {vali_mae:.4f}")
writer.close()
naive = np.mean([((y - x[:, -24:]) ** 2).mean().item() for x, y in vali_loader])
print(f"RESULT train {np.average(train_loss):.4f} val {vali_loss:.4f} mae {vali_mae:.4f} (same hour yesterday {naive:.4f})")
