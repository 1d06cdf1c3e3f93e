"""Water a field will need tomorrow, from two weeks of weather and soil readings (simulated). GRU regression."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


def weather(days, seed):
    r = np.random.default_rng(seed)
    t = np.arange(days)
    season = np.sin(2 * np.pi * (t - 100) / 365)
    temp = 14 + 9 * season + np.convolve(r.normal(0, 3, days), np.ones(4) / 2, "same")
    rain = (r.random(days) < .25 - .08 * season) * r.gamma(1.2, 7, days)
    wind = r.gamma(3, 1.2, days)
    sun = np.clip(6 + 4 * season - .2 * rain + r.normal(0, 1, days), 0, None)
    soil, need = np.zeros(days), np.zeros(days)
    s = 60.
    for i in range(days):
        et = .08 * max(temp[i], 0) * (1 + .08 * wind[i]) + .2 * sun[i]
        s = np.clip(s + .9 * rain[i] - et, 10, 95)
        need[i] = max(0., 70 - s) * .6
        if need[i] > 12:
            s += need[i]
        soil[i] = s + r.normal(0, 1.5)
    return np.c_[temp, rain, wind, sun, soil], need


class Windows(Dataset):
    def __init__(self, feats, need, length=14):
        self.f = torch.tensor(feats, dtype=torch.float32)
        self.n = torch.tensor(need, dtype=torch.float32)
        self.l = length

    def __len__(self):
        return len(self.f) - self.l

    def __getitem__(self, i):
        return self.f[i:i + self.l], self.n[i + self.l]


class DemandGRU(nn.Module):
    def __init__(self, n_in=5, hidden=32):
        super().__init__()
        self.gru = nn.GRU(n_in, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x):
        _, h = self.gru(x)
        return self.fc(h[-1])


def main(mode, logdir):
    feats, need = weather(3400, 2)
    cut = 2700
    m, s = feats[:cut].mean(0), feats[:cut].std(0)
    nm, ns = need[:cut].mean(), need[:cut].std()
    feats, need = (feats - m) / s, (need - nm) / ns
    train = DataLoader(Windows(feats[:cut], need[:cut]), batch_size=32, shuffle=True, drop_last=True)
    val = DataLoader(Windows(feats[cut:], need[cut:]), batch_size=128)
    model = DemandGRU()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    crit = nn.MSELoss()
    writer = DiagWriter(logdir)
    writer.watch(model, opt, crit)
    for epoch in range(30):
        model.train()
        run = []
        for x, y in train:
            if mode == "fixed":
                y = y.unsqueeze(1)
            opt.zero_grad()
            loss = crit(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.)
            opt.step()
            run.append(loss.item())
        model.eval()
        P, Y = [], []
        with writer.evaluating("val"):
            for x, y in val:
                if mode == "fixed":
                    y = y.unsqueeze(1)
                p = model(x)
                crit(p, y)
                P.append(p.flatten()); Y.append(y.flatten())
        P, Y = torch.cat(P), torch.cat(Y)
        r2 = 1 - ((P - Y) ** 2).mean() / Y.var(unbiased=False)
        if epoch % 5 == 4:
            print(f"epoch {epoch} train {np.mean(run):.4f} val r2 {r2:.3f}")
    writer.close()
    print("RESULT val_r2", round(r2.item(), 4), "rmse_mm", round(((P - Y) ** 2).mean().sqrt().item() * ns, 3))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
