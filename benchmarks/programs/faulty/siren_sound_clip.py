# Fit a sound clip with a SIREN (after "explore_siren.ipynb", section "audio"), every 4th sample is held out
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(2)
faulty = sys.argv[1] == "faulty"


class SineLayer(nn.Module):
    def __init__(self, in_features, out_features, bias=True, is_first=False, omega_0=30):
        super().__init__()
        self.omega_0 = omega_0
        self.is_first = is_first
        self.in_features = in_features
        self.linear = nn.Linear(in_features, out_features, bias=bias)
        self.init_weights()

    def init_weights(self):
        with torch.no_grad():
            if self.is_first:
                self.linear.weight.uniform_(-1 / self.in_features, 1 / self.in_features)
            else:
                bound = np.sqrt(6 / self.in_features)
                if not faulty:
                    bound = bound / self.omega_0
                self.linear.weight.uniform_(-bound, bound)

    def forward(self, input):
        return torch.sin(self.omega_0 * self.linear(input))


class Siren(nn.Module):
    def __init__(self, in_features, hidden_features, hidden_layers, out_features, first_omega_0=30, hidden_omega_0=30.):
        super().__init__()
        net = [SineLayer(in_features, hidden_features, is_first=True, omega_0=first_omega_0)]
        for _ in range(hidden_layers):
            net.append(SineLayer(hidden_features, hidden_features, omega_0=hidden_omega_0))
        final = nn.Linear(hidden_features, out_features)
        with torch.no_grad():
            b = np.sqrt(6 / hidden_features) / hidden_omega_0
            final.weight.uniform_(-b, b)
        net.append(final)
        self.net = nn.Sequential(*net)

    def forward(self, coords):
        return self.net(coords)


# a plucked string: decaying partials, a little vibrato and the hiss of the recording
rng = np.random.RandomState(0)
N = 3200
t = np.linspace(0, 1, N)
wave = np.zeros(N)
for k in range(1, 7):
    wave += np.exp(-(1 + .7 * k) * t) / k * np.sin(2 * np.pi * (14.3 * k * t + .05 * np.sin(2 * np.pi * 4 * t)) + rng.uniform(0, 6.28))
wave = wave / np.abs(wave).max() + .05 * rng.randn(N)
coords = torch.tensor(t * 2 - 1, dtype=torch.float32)[:, None]
amps = torch.tensor(wave, dtype=torch.float32)[:, None]
held = torch.arange(N) % 4 == 2
x_tr, y_tr, x_va, y_va = coords[~held], amps[~held], coords[held], amps[held]

audio_siren = Siren(1, 32, 2, 1, first_omega_0=60)
optim = torch.optim.Adam(audio_siren.parameters(), lr=1e-3)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(audio_siren, optim, mse)

total_steps = 450
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optim, total_steps)
for step in range(total_steps):
    loss = mse(audio_siren(x_tr), y_tr)
    optim.zero_grad()
    loss.backward()
    optim.step()
    sched.step()
    if not (step + 1) % 50:
        with torch.no_grad(), writer.evaluating("val"):
            v = mse(audio_siren(x_va), y_va).item()
        print("Step %d, Total loss %0.6f  held-out %0.6f" % (step + 1, loss.item(), v))
writer.close()
print(f"RESULT val_mse {v:.5f} train_mse {loss.item():.5f} variance {wave.var():.4f}")
