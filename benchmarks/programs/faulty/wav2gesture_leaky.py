# Speech-driven gesture: raw audio -> upper body motion  (WavEncoder + GRU-free decoder), small version
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.manual_seed(2023)
np.random.seed(2023)
torch.set_num_threads(1)
SR, FRAMES = 512, 16             # samples per clip, motion frames per clip


def act():
    if sys.argv[1] == "faulty":
        return nn.LeakyReLU(True)
    return nn.LeakyReLU(inplace=True)


class WavEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.feat_extractor = nn.Sequential(
            nn.Conv1d(1, 16, 15, stride=4, padding=7),
            nn.BatchNorm1d(16),
            act(),
            nn.Conv1d(16, 24, 15, stride=4, padding=7),
            nn.BatchNorm1d(24),
            act(),
            nn.Conv1d(24, 32, 7, stride=2, padding=3),
            nn.BatchNorm1d(32),
            act(),
            nn.Conv1d(32, 32, 3, padding=1),
        )

    def forward(self, wav):
        return self.feat_extractor(wav.unsqueeze(1))             # (B, 32, FRAMES)


class GestureNet(nn.Module):
    def __init__(self, n_joints=6):
        super().__init__()
        self.audio_encoder = WavEncoder()
        self.body = nn.Sequential(nn.Conv1d(32, 48, 3, padding=1), act(), nn.Conv1d(48, n_joints, 3, padding=1))

    def forward(self, wav):
        return self.body(self.audio_encoder(wav)).transpose(1, 2)


mixing = np.random.normal(0, 1, (3, 6))


def clips(n):
    t = np.arange(SR)
    X, Y = [], []
    for _ in range(n):
        k = np.random.randint(2, 5)
        env = np.zeros(SR)
        for _ in range(k):                                     # syllables
            env += np.random.uniform(.4, 1.5) * np.exp(-.5 * ((t - np.random.uniform(0, SR)) / np.random.uniform(18, 45)) ** 2)
        f = np.random.uniform(.25, .6)
        pitch = f * (1 + .15 * np.sin(2 * np.pi * t / SR * np.random.uniform(.5, 1.5)))
        wav = env * np.sin(np.cumsum(pitch) + np.random.uniform(0, 6.3)) + np.random.normal(0, .05, SR)
        e = env.reshape(FRAMES, -1).mean(1)
        bright = (env * (pitch - .4) * 6).reshape(FRAMES, -1).mean(1)
        beat = np.gradient(e) * 2
        Y.append(np.stack([e - .45, bright, beat], 1) @ mixing + np.random.normal(0, .25, (FRAMES, 6)))
        X.append(wav)
    return TensorDataset(torch.tensor(np.array(X), dtype=torch.float32), torch.tensor(np.array(Y), dtype=torch.float32))


train_loader = DataLoader(clips(1600), batch_size=32, shuffle=True, drop_last=True)
val_loader = DataLoader(clips(300), batch_size=100)
model = GestureNet()
rec_loss = nn.MSELoss()
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 9)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, rec_loss)
for epoch in range(9):
    model.train()
    tr = 0
    for wav, pose in train_loader:
        opt.zero_grad()
        loss = rec_loss(model(wav), pose)
        loss.backward()
        opt.step()
        tr += loss.item() / len(train_loader)
    sched.step()
    model.eval()
    va = 0
    with torch.no_grad(), writer.evaluating("val"):
        for wav, pose in val_loader:
            va += rec_loss(model(wav), pose).item() / len(val_loader)
    print(f"[{epoch:02d}] train rec {tr:.4f}   val rec {va:.4f}")
writer.close()
print(f"RESULT train_mse={tr:.4f} val_mse={va:.4f}")
