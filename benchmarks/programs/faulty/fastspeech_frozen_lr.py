# FastSpeech acoustic model: phonemes -> FFT blocks -> length regulator -> FFT blocks -> mel, trained with ground truth durations
import sys
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)

# ---- hparams
frozen_learning_rate = True
learning_rate_frozen = 3e-2 if form == "faulty" else 1e-3
n_phon, n_mel, T_phon, T_mel = 24, 16, 10, 28
word_vec_dim, n_head, conv1d_filter = 48, 4, 96
epochs, batch_size = 11, 24


def corpus(n):
    """formant-like phoneme targets, coarticulation with the neighbours, falling or rising pitch, loudness contour"""
    r = np.random
    tgt = np.random.RandomState(5).normal(0, 1, (n_phon, n_mel))
    tgt = np.apply_along_axis(lambda v: np.convolve(v, [.25, .5, .25], "same"), 1, tgt) * 1.6
    P = r.randint(2, n_phon, (n, T_phon))
    P[:, -1] = r.randint(0, 2, n)                   # 0 full stop, 1 question mark
    D = r.randint(1, 4, (n, T_phon))
    for i in range(n):
        while D[i].sum() != T_mel:
            j = r.randint(T_phon); s = np.sign(T_mel - D[i].sum())
            if 1 <= D[i, j] + s <= 6: D[i, j] += s
    M = np.zeros((n, T_mel, n_mel))
    mel = np.arange(n_mel)
    for i in range(n):
        seq = np.repeat(P[i], D[i])
        pos = np.linspace(0, 1, T_mel)
        base = tgt[seq]
        sm = (np.vstack([base[:1], base[:-1]]) + 2 * base + np.vstack([base[1:], base[-1:]])) / 4
        f0 = 3 + (2.5 * pos if P[i, -1] == 1 else -1.5 * pos) + .5
        M[i] = sm + .9 * np.exp(-(mel[None] - f0[:, None]) ** 2 / 2) - .4 * pos[:, None]
    return torch.tensor(P), torch.tensor(D), torch.tensor(M + r.normal(0, .15, M.shape), dtype=torch.float32)


class FFTBlock(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.slf_attn = nn.MultiheadAttention(d, n_head, dropout=0.1, batch_first=True)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.w_1, self.w_2 = nn.Conv1d(d, conv1d_filter, 3, padding=1), nn.Conv1d(conv1d_filter, d, 3, padding=1)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        x = self.norm1(x + self.dropout(self.slf_attn(x, x, x, need_weights=False)[0]))
        y = self.w_2(F.relu(self.w_1(x.transpose(1, 2)))).transpose(1, 2)
        return self.norm2(x + self.dropout(y))


def sinusoid(n, d):
    pos, i = torch.arange(n)[:, None], torch.arange(0, d, 2)
    a = pos / 10000 ** (i / d)
    return torch.stack([a.sin(), a.cos()], -1).flatten(1)


class FastSpeech(nn.Module):
    def __init__(self):
        super().__init__()
        self.src_word_emb = nn.Embedding(n_phon, word_vec_dim)
        self.register_buffer("pe", sinusoid(T_mel + 1, word_vec_dim))
        self.encoder = nn.ModuleList([FFTBlock(word_vec_dim) for _ in range(2)])
        self.decoder = nn.ModuleList([FFTBlock(word_vec_dim) for _ in range(2)])
        self.mel_linear = nn.Linear(word_vec_dim, n_mel)
        self.postnet = nn.Sequential(nn.Conv1d(n_mel, 32, 5, padding=2), nn.Tanh(), nn.Conv1d(32, n_mel, 5, padding=2))

    def forward(self, src, D):
        x = self.src_word_emb(src) + self.pe[:T_phon]
        for l in self.encoder: x = l(x)
        x = torch.stack([v.repeat_interleave(d, 0) for v, d in zip(x, D)]) + self.pe[:T_mel]
        for l in self.decoder: x = l(x)
        mel = self.mel_linear(x)
        return mel, mel + self.postnet(mel.transpose(1, 2)).transpose(1, 2)


class DNNLoss(nn.Module):
    def forward(self, mel, post, target):
        return F.mse_loss(mel, target) + F.mse_loss(post, target)


train_set, val = TensorDataset(*corpus(1100)), corpus(200)
loader = DataLoader(train_set, batch_size, shuffle=True, drop_last=True)
model = FastSpeech()
optimizer = torch.optim.Adam(model.parameters(), betas=(0.9, 0.98), eps=1e-9, lr=learning_rate_frozen)
loss_func = DNNLoss()
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, loss_func)
print("mean mel predicts with mse %.4f" % ((val[2] - val[2].mean((0, 1))) ** 2).mean())
for epoch in range(1, epochs + 1):
    model.train()
    run = 0.0
    for src, D, mel_t in loader:
        optimizer.zero_grad()
        total_loss = loss_func(*model(src, D), mel_t)
        total_loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        run += total_loss.item()
    model.eval()
    with torch.no_grad():
        _, post = model(val[0], val[1])
    print("Epoch [%d/%d]  Total Loss: %.4f   val postnet mse %.4f  Current Learning Rate is %.6f." % (
        epoch, epochs, run / len(loader), F.mse_loss(post, val[2]).item(), optimizer.param_groups[0]["lr"]))
writer.close()
