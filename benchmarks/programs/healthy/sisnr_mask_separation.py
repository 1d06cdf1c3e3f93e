"""Speech denoising with a learned encoder/decoder and a mask (Conv-TasNet idea, kaituoxu/Conv-TasNet), negative SI-SNR as the loss.
Toy audio: voiced 'syllables' with harmonics in coloured noise, 2 kHz."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

EPS = 1e-8
torch.set_num_threads(1)
torch.manual_seed(123)
SR, N = 2000, 1000


class NoisySpeech(Dataset):
    def __init__(self, n, seed):
        r = np.random.default_rng(seed)
        t = np.arange(N) / SR
        self.mix, self.src = [], []
        for _ in range(n):
            f0 = r.uniform(90, 220) * (1 + .12 * np.sin(2 * np.pi * r.uniform(1, 4) * t + r.uniform(0, 6)))
            ph = 2 * np.pi * np.cumsum(f0) / SR
            s = sum(r.uniform(.3, 1) / k * np.sin(k * ph + r.uniform(0, 6)) for k in range(1, 5))
            env = np.convolve((r.random(N // 50) < .7).repeat(50), np.hanning(60) / 30, 'same')
            s = s * env + 1e-3 * r.normal(size=N)
            w = r.normal(size=N)
            noise = np.convolve(w, r.normal(size=6), 'same') + .6 * r.normal(size=N)
            snr = r.uniform(-2, 6)
            noise *= s.std() / noise.std() * 10 ** (-snr / 20)
            self.src.append(s.astype(np.float32)); self.mix.append((s + noise).astype(np.float32))

    def __len__(self): return len(self.mix)
    def __getitem__(self, i): return self.mix[i], self.src[i]


def cal_si_snr(source, estimate_source):
    source = source - source.mean(-1, keepdim=True)
    estimate_source = estimate_source - estimate_source.mean(-1, keepdim=True)
    ref_energy = torch.sum(source ** 2, -1, keepdim=True) + EPS
    proj = torch.sum(source * estimate_source, -1, keepdim=True) * source / ref_energy
    noise = estimate_source - proj
    ratio = torch.sum(proj ** 2, -1) / (torch.sum(noise ** 2, -1) + EPS)
    return 10 * torch.log10(ratio + EPS)


class NegSISNR(nn.Module):
    def forward(self, estimate, source):
        return 0 - torch.mean(cal_si_snr(source, estimate))


class TemporalBlock(nn.Module):
    def __init__(self, B, H, d):
        super().__init__()
        self.net = nn.Sequential(nn.Conv1d(B, H, 1), nn.PReLU(), nn.GroupNorm(1, H, eps=EPS),
                                 nn.Conv1d(H, H, 3, padding=d, dilation=d, groups=H), nn.PReLU(), nn.GroupNorm(1, H, eps=EPS),
                                 nn.Conv1d(H, B, 1))

    def forward(self, x):
        return x + self.net(x)


class ConvTasNet(nn.Module):
    def __init__(self, N=48, L=16, B=24, H=48, X=4):
        super().__init__()
        self.encoder = nn.Conv1d(1, N, L, stride=L // 2, bias=False)
        self.separator = nn.Sequential(nn.GroupNorm(1, N, eps=EPS), nn.Conv1d(N, B, 1), *[TemporalBlock(B, H, 2 ** i) for i in range(X)], nn.Conv1d(B, N, 1))
        self.decoder = nn.ConvTranspose1d(N, 1, L, stride=L // 2, bias=False)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.xavier_normal_(p)

    def forward(self, mixture):
        w = F.relu(self.encoder(mixture.unsqueeze(1)))
        mask = F.relu(self.separator(w))
        est = self.decoder(w * mask).squeeze(1)
        return F.pad(est, (0, mixture.size(-1) - est.size(-1)))


tr_loader = DataLoader(NoisySpeech(480, 1), 12, shuffle=True)
cv = NoisySpeech(100, 2)
cv_mix, cv_src = torch.tensor(np.stack(cv.mix)), torch.tensor(np.stack(cv.src))
model = ConvTasNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=.5, patience=1)
criterion = NegSISNR()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(12):
    model.train()
    total_loss = 0
    for mixture, source in tr_loader:
        estimate_source = model(mixture)
        loss = criterion(estimate_source, source)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5)
        optimizer.step()
        total_loss += loss.item()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        val_loss = criterion(model(cv_mix), cv_src).item()
    scheduler.step(val_loss)
    print('Train Summary | End of Epoch {0} | Train Loss {1:.3f} | Valid Loss {2:.3f}'.format(epoch + 1, total_loss / len(tr_loader), val_loss))
writer.close()
print(f"RESULT val_loss={val_loss:.3f} dB; unprocessed {-cal_si_snr(cv_src, cv_mix).mean():.3f} dB")
