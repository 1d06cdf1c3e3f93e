# grip force from eight channels of surface EMG (rectified envelopes), many-to-many GRU, truncated sequences, LayerNorm inside; the raw inputs are microvolts
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(23)


class EMGForce(nn.Module):
    def __init__(self, channels=8, hidden=32):
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)            # microvolts -> unit scale
        self.gru = nn.GRU(channels, hidden, batch_first=True)
        self.ln = nn.LayerNorm(hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x):
        x = self.norm(x.transpose(1, 2)).transpose(1, 2)
        h, _ = self.gru(x)
        return self.out(self.ln(h)).squeeze(-1)


def session(n, T=60):
    """smooth random force tracking task; muscles are active 100 ms ahead of the force"""
    k = torch.exp(-((torch.arange(-8., 9.)) / 4) ** 2)
    k = k / k.sum()
    drive = torch.rand(n, 1, T // 6 + 4).repeat_interleave(6, 2)[..., :T + 22]
    drive = torch.nn.functional.conv1d(drive, k[None, None]).squeeze(1)
    drive = (drive - .3).clamp(0) * 1.8
    force = drive[:, :T]
    act = drive[:, 3:T + 3]
    gains = torch.tensor([1., .8, .7, .5, .4, .3, .3, .2]) * 60
    emg = (act[..., None] ** 1.3 * gains) * (1 + .45 * torch.randn(n, T, 8)).abs() + 4 * torch.randn(n, T, 8).abs()
    return emg, force + .01 * torch.randn(n, T)


Xtr, Ytr = session(1500)
Xva, Yva = session(300)
model = EMGForce()
criterion = nn.MSELoss()
optimizer = torch.optim.RAdam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 14)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(14):
    model.train()
    s = 0
    for b in torch.randperm(1500).split(30):
        pred = model(Xtr[b])
        loss = criterion(pred, Ytr[b])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        s += loss.item() / 50
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        p = model(Xva)
        v = criterion(p, Yva).item()
    print(f"epoch {epoch + 1}: train mse {s:.5f} val mse {v:.5f} R2 {1 - v / Yva.var().item():.4f}")
writer.close()
print(f"RESULT train={s:.6f} val={v:.6f} r2={1 - v / Yva.var().item():.4f}")
