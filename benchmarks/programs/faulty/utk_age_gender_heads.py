"""Age and gender from face descriptors, two heads on a shared trunk (multi-output Keras blog port)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(13)
torch.manual_seed(13)
N = 5000
age = np.clip(np.random.gamma(3.2, 10.5, N) + 1, 1, 100)
gender = (np.random.rand(N) < .48).astype(np.float32)
ident = np.random.randn(N, 8)
a = (age - 34) / 19
feat = np.c_[a, np.tanh(a), np.maximum(0, a), gender * 2 - 1, (gender * 2 - 1) * np.tanh(1.5 * (a + .8)), ident]
W1, W2 = np.random.randn(13, 40) / 3, np.random.randn(40, 64) / 6
X = np.tanh(feat @ W1) @ W2 + .16 * np.random.randn(N, 64)
X = ((X - X.mean(0)) / X.std(0)).astype(np.float32)

if sys.argv[1] == "faulty":
    age_t = age.astype(np.float32)
    to_years = lambda t: t
else:
    m, s = age[:4000].mean(), age[:4000].std()
    age_t = ((age - m) / s).astype(np.float32)
    to_years = lambda t: t * s + m
tr = TensorDataset(*map(torch.tensor, (X[:4000], age_t[:4000], gender[:4000])))
va = TensorDataset(*map(torch.tensor, (X[4000:], age_t[4000:], gender[4000:])))


class FaceNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 32), nn.ReLU())
        self.age_output = nn.Linear(32, 1)
        self.gender_output = nn.Linear(32, 1)

    def forward(self, x):
        h = self.trunk(x)
        return self.age_output(h).squeeze(1), self.gender_output(h).squeeze(1)


def total_loss(out, age, gender):
    return nn.functional.mse_loss(out[0], age) + nn.functional.binary_cross_entropy_with_logits(out[1], gender)


model = FaceNet()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, total_loss)
for epoch in range(7):
    for x, t, g in DataLoader(tr, batch_size=32, shuffle=True):
        opt.zero_grad()
        loss = writer.loss_fn(model(x), t, g)
        loss.backward()
        opt.step()
    with torch.no_grad(), writer.evaluating("val"):
        x, t, g = va.tensors
        out = model(x)
        vl = writer.loss_fn(out, t, g).item()
    mae = (to_years(out[0]) - to_years(t)).abs().mean().item()
    acc = ((out[1] > 0) == (g > .5)).float().mean().item()
    bce = nn.functional.binary_cross_entropy_with_logits(out[1], g).item()
    print(f"epoch {epoch} loss {loss.item():.3f} val_loss {vl:.3f} age_mae {mae:.2f} gender_acc {acc:.3f}")
writer.close()
print(f"RESULT val_loss={vl:.4f} age_mae={mae:.2f} gender_bce={bce:.4f} gender_acc={acc:.3f}")
