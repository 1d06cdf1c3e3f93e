"""University of Liverpool - Ion Switching: sequence labelling of open channels from the current, small WaveNet-like
blocks as in the public 'WaveNet PyTorch' kernels. Signals come from a Markov chain in this file."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.metrics import f1_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def seed_everything(seed):
    np.random.seed(seed)
    torch.manual_seed(seed)


seed_everything(2020)
GROUP = 250
N_CH = 4


def record(n_groups):
    n = n_groups * GROUP
    # three independent channels, each opening and closing, plus short flickers
    state = np.zeros((N_CH - 1, n), int)
    for c in range(N_CH - 1):
        u, s = np.random.rand(n), 0
        for t in range(n):
            s = (1 if u[t] < .03 else 0) if s == 0 else (0 if u[t] < .045 else 1)
            state[c, t] = s
    ch = state.sum(0)
    drift = .25 * np.sin(np.arange(n) / 1800) + .1 * np.sin(50 * np.arange(n) / 1000)
    return (ch * 1.23 - 2.7 + drift + .45 * np.random.randn(n)).astype(np.float32), ch


class Wave_Block(nn.Module):
    def __init__(self, in_channels, out_channels, dilation_rates, kernel_size=3):
        super().__init__()
        self.num_rates = dilation_rates
        self.convs, self.filter_convs, self.gate_convs = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.convs.append(nn.Conv1d(in_channels, out_channels, kernel_size=1))
        for i in range(dilation_rates):
            d = 2 ** i
            self.filter_convs.append(nn.Conv1d(out_channels, out_channels, kernel_size, padding=d, dilation=d))
            self.gate_convs.append(nn.Conv1d(out_channels, out_channels, kernel_size, padding=d, dilation=d))
            self.convs.append(nn.Conv1d(out_channels, out_channels, kernel_size=1))

    def forward(self, x):
        x = self.convs[0](x)
        res = x
        for i in range(self.num_rates):
            x = torch.tanh(self.filter_convs[i](x)) * torch.sigmoid(self.gate_convs[i](x))
            x = self.convs[i + 1](x)
            res = res + x
        return res


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.wave_block1 = Wave_Block(3, 12, 4)
        self.wave_block2 = Wave_Block(12, 16, 3)
        self.fc = nn.Linear(16, N_CH)

    def forward(self, x):
        x = self.wave_block2(self.wave_block1(x.permute(0, 2, 1)))
        return self.fc(x.permute(0, 2, 1))


def features(sig, mean, std):
    s = (sig - mean) / std
    return np.stack([s, np.roll(s, 1) - s, np.roll(s, -1) - s], 1).reshape(-1, GROUP, 3).astype(np.float32)


sig, ch = record(240)
sig_v, ch_v = record(60)
m, s = sig.mean(), sig.std()
train_loader = DataLoader(TensorDataset(torch.tensor(features(sig, m, s)), torch.tensor(ch.reshape(-1, GROUP))), 8, shuffle=True)
valid_loader = DataLoader(TensorDataset(torch.tensor(features(sig_v, m, s)), torch.tensor(ch_v.reshape(-1, GROUP))), 20)
model = Classifier()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.008)
schedular = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 11)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(11):
    model.train()
    avg_loss = 0.
    for x, y in train_loader:
        optimizer.zero_grad()
        pred = model(x)
        loss = criterion(pred.reshape(-1, N_CH), y.reshape(-1))
        loss.backward()
        optimizer.step()
        avg_loss += loss.item() / len(train_loader)
    model.eval()
    val_preds, val_loss = [], 0.
    with torch.no_grad(), writer.evaluating("val"):
        for x, y in valid_loader:
            pred = model(x)
            val_loss += criterion(pred.reshape(-1, N_CH), y.reshape(-1)).item() / len(valid_loader)
            val_preds.append(pred.argmax(-1).flatten())
    f1 = f1_score(ch_v, torch.cat(val_preds).numpy(), average='macro')
    schedular.step()
    print(f"Epoch {epoch + 1}, Loss: {avg_loss:.4f}, valid_loss: {val_loss:.4f}, valid macro F1 {f1:.4f}")
writer.close()
print(f"RESULT val_loss={val_loss:.4f} macro_f1={f1:.4f}")
