"""VAME's recurrent VAE on mouse pose windows (body-part coordinates), StepLR 'switched off' in the configuration."""
import sys
import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
SEED = 19
torch.manual_seed(SEED); np.random.seed(SEED)
cfg = dict(batch_size=64, epochs=22, zdims=8, beta=1, learning_rate=6e-3, num_features=8, time_window=16, kl_start=2, annealtime=6,
           hidden=32, scheduler=0, scheduler_step_size=4, scheduler_gamma=0.2)


def session(T, seed):
    """walk, rear, groom, rest in turns: 4 body parts x (x, y), egocentric, with phase-locked movement"""
    rs = np.random.RandomState(seed)
    out, ph = [], 0.0
    while sum(map(len, out)) < T:
        m, n = rs.randint(4), rs.randint(30, 90)
        f, amp = [(0.55, 1.0), (0.15, 1.3), (1.1, 0.6), (0.05, 0.15)][m]
        f *= rs.uniform(0.85, 1.15); amp *= rs.uniform(0.8, 1.2)
        t = ph + f * np.arange(n); ph = t[-1]
        base = np.random.RandomState(100 + m).normal(0, 0.7, 8)
        shift = np.random.RandomState(200 + m).uniform(0, 6.3, 8)
        gain = np.random.RandomState(300 + m).uniform(0.2, 1, 8)
        out.append(base + amp * gain * np.sin(t[:, None] + shift))
    x = np.concatenate(out)[:T]
    return (x + rs.normal(0, 0.08, x.shape)).astype(np.float32)


class SEQUENCE_DATASET(torch.utils.data.Dataset):
    def __init__(self, X, window, mean, std):
        self.X, self.window = (X - mean) / std, window

    def __len__(self):
        return (len(self.X) - self.window) // 3

    def __getitem__(self, i):
        return self.X[3 * i:3 * i + self.window]


class RNN_VAE(nn.Module):
    def __init__(self, feats, zdims, hidden, seq_len):
        super().__init__()
        self.seq_len = seq_len
        self.rnn_1 = nn.GRU(feats, hidden, batch_first=True, bidirectional=True)
        self.hidden_to_mean = nn.Linear(2 * hidden, zdims)
        self.hidden_to_logvar = nn.Linear(2 * hidden, zdims)
        self.rnn_rec = nn.GRU(zdims, hidden, batch_first=True)
        self.hidden_to_output = nn.Linear(hidden, feats)

    def forward(self, seq):
        _, h = self.rnn_1(seq)
        h = torch.cat((h[0], h[1]), 1)
        mu, logvar = self.hidden_to_mean(h), self.hidden_to_logvar(h)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp() if self.training else mu
        dec, _ = self.rnn_rec(z.unsqueeze(1).repeat(1, self.seq_len, 1))
        return self.hidden_to_output(dec), mu, logvar


def kl_annealing(epoch, kl_start, annealtime):
    return min(1, epoch / annealtime) if epoch > kl_start else 0


def vae_loss(x, x_tilde, mu, logvar, w):
    rec = nn.functional.mse_loss(x_tilde, x, reduction="sum") / len(x)
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / len(x)
    return rec + cfg["beta"] * w * kl, rec


Xtr, Xte = session(6000, 1), session(1500, 2)
mean, std = Xtr.mean(0), Xtr.std(0)
train_loader = torch.utils.data.DataLoader(SEQUENCE_DATASET(Xtr, 16, mean, std), batch_size=cfg["batch_size"], shuffle=True, drop_last=True)
test_loader = torch.utils.data.DataLoader(SEQUENCE_DATASET(Xte, 16, mean, std), batch_size=cfg["batch_size"])
model = RNN_VAE(cfg["num_features"], cfg["zdims"], cfg["hidden"], cfg["time_window"])
optimizer = torch.optim.Adam(model.parameters(), lr=cfg["learning_rate"], amsgrad=True)
if cfg["scheduler"]:
    scheduler = StepLR(optimizer, step_size=cfg["scheduler_step_size"], gamma=cfg["scheduler_gamma"], last_epoch=-1)
else:
    scheduler = StepLR(optimizer, step_size=cfg["scheduler_step_size"], gamma=0 if form == "faulty" else 1, last_epoch=-1)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)
for epoch in range(1, cfg["epochs"]):
    w = kl_annealing(epoch, cfg["kl_start"], cfg["annealtime"])
    model.train()
    train_loss = train_mse = 0.0
    for data in train_loader:
        data_tilde, mu, logvar = model(data)
        loss, rec = vae_loss(data, data_tilde, mu, logvar, w)
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=50)
        optimizer.step()
        train_loss += loss.item(); train_mse += rec.item()
    scheduler.step()
    test_mse = []
    with writer.evaluating("test"):
        for data in test_loader:
            loss, rec = vae_loss(data, *model(data), w)
            writer.add_loss("test", loss)
            test_mse.append(rec.item())
    print("Epoch: %d. train loss: %.3f MSE %.3f test MSE %.3f" % (epoch, train_loss / len(train_loader), train_mse / len(train_loader), np.mean(test_mse)))
writer.close()
