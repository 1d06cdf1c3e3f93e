# %% [markdown]
# # Lab: label errors. Letter grades from exam scores and the teacher's notes
# %%
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
rng = np.random.default_rng(17); torch.manual_seed(17)
# %%
NOTES = ["none", "great participation", "missed homework", "cheated on exam", "missed class frequently", "great final presentation"]
EFFECT = np.array([0, 4, -4, -45, -6, 5])
n = 3600
ability = rng.normal(78, 11, n)
exams = np.clip(np.stack([ability + rng.normal(0, 8, n) for _ in range(3)], 1).round(), 0, 100)
note = rng.choice(6, n, p=[.4, .14, .14, .05, .14, .13])
final = exams.mean(1) + EFFECT[note] + rng.normal(0, .8, n)
letter_grade = np.digitize(final, [60, 70, 80, 90])           # F D C B A
noisy = letter_grade.copy()
flip = rng.random(n) < .3                                     # slips of whoever typed the sheet
noisy[flip] = (noisy[flip] + rng.integers(1, 5, flip.sum())) % 5
# %%
feats = np.concatenate([(exams - 78) / 13, np.eye(6)[note]], 1)
X = torch.tensor(feats, dtype=torch.float32)
tr, va, te = np.arange(2400), np.arange(2400, 3000), np.arange(3000, n)
labels = torch.tensor(noisy if sys.argv[1] == "faulty" else letter_grade)     # fixed: sheet corrected against the originals
truth = torch.tensor(letter_grade)
# %%
class GradeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(9, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.out = nn.Linear(32, 5)
    def forward(self, x):
        return self.out(self.hidden(x))

net = GradeNet()
opt = torch.optim.Adam(net.parameters(), lr=float(sys.argv[3]) if len(sys.argv) > 3 else 2e-3)
ce = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, ce)
# %%
for epoch in range(40):
    for b in torch.randperm(len(tr)).split(32):
        loss = ce(net(X[tr][b]), labels[tr][b])
        opt.zero_grad(); loss.backward(); opt.step()
    with writer.evaluating("val"):
        val = ce(net(X[va]), labels[va]).item()
    if epoch % 5 == 4:
        print(epoch + 1, f"train {loss.item():.3f} val {val:.3f}")
writer.close()
# %%
with torch.no_grad():
    acc = (net(X[te]).argmax(1) == truth[te]).float().mean().item()
    tl = ce(net(X[te]), truth[te]).item()
print(f"RESULT val loss {val:.3f}; against the true grades: test loss {tl:.3f} acc {acc:.3f}")
