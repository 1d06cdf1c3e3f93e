"""audio branch of a looking-to-listen style separator: conv over the spectrogram, BLSTM over time, mask"""
import sys, numpy as np, torch
import torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)
R = np.random.RandomState(0)
T, NF = 40, 32

def voice(n, lo, hi):
    t, f = np.arange(T), np.arange(NF)[None, :]
    out = np.zeros((n, T, NF), np.float32)
    for i in range(n):
        f0 = R.uniform(lo, hi) + 1.2 * np.sin(t * R.uniform(.1, .3) + R.uniform(0, 6))
        env = (np.convolve(R.rand(T + 6) > .45, np.ones(7) / 7, 'valid') > .5) * R.uniform(.7, 1.3)
        for h in range(1, 7):
            out[i] += (env * .8 ** h)[:, None] * np.exp(-((f - f0[:, None] * h) ** 2) / .8)
    return out

def mixtures(n):
    a, b = voice(n, 3.0, 4.2), voice(n, 5.2, 7.5)
    m = a + b + .03 * np.abs(R.randn(n, T, NF))
    return [torch.from_numpy(v.astype(np.float32)) for v in (m, a)]

class AudioNet(nn.Module):
    def __init__(self, ch=8, hid=64):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 16, (3, 5), padding=(1, 2)), nn.BatchNorm2d(16), nn.ReLU(),
                                  nn.Conv2d(16, 16, (3, 5), padding=(1, 2)), nn.BatchNorm2d(16), nn.ReLU(),
                                  nn.Conv2d(16, ch, 1), nn.BatchNorm2d(ch), nn.ReLU())
        self.lstm = nn.LSTM(ch * NF, hid, batch_first=True, bidirectional=True)
        self.fc1 = nn.Linear(2 * hid, 128)
        self.fc2 = nn.Linear(128, NF)
    def forward(self, spec):
        B = spec.shape[0]
        x = self.conv(torch.log1p(10 * spec)[:, None] - 0.7)          # B, ch, T, F
        if sys.argv[1] == "faulty":
            x = x.view(B, -1, T)                                       # B, ch*F, T
            x = x.permute(0, 2, 1)
        else:
            x = x.permute(0, 1, 3, 2).reshape(B, -1, T)
            x = x.permute(0, 2, 1)
        x, _ = self.lstm(x)
        x = F.relu(self.fc1(x))
        return torch.sigmoid(self.fc2(x)) * spec

def main():
    mix, clean = mixtures(1200)
    vm, vc = mixtures(200)
    net = AudioNet()
    crit = nn.MSELoss()
    opt = torch.optim.Adam(net.parameters(), 1e-3)
    writer = DiagWriter(sys.argv[2]); writer.watch(net, opt, crit)
    for ep in range(14):
        net.train(); run = []
        for idx in torch.randperm(len(mix)).split(24):
            opt.zero_grad()
            loss = crit(net(mix[idx]), clean[idx]); loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.)
            opt.step(); run.append(loss.item())
        net.eval()
        with writer.evaluating("val"):
            est = net(vm); v = crit(est, vc).item()
        snr = 10 * torch.log10((vc ** 2).sum() / ((est - vc) ** 2).sum()).item()
        print(f"epoch {ep} train {np.mean(run):.5f} val {v:.5f} snr {snr:.2f} dB")
    writer.close()
    print(f"RESULT val mse {v:.5f} snr {snr:.2f} dB (mixture {10 * torch.log10((vc ** 2).sum() / ((vm - vc) ** 2).sum()).item():.2f} dB)")
main()
