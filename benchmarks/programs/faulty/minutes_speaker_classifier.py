"""Who speaks in this second of the meeting? (ubclaunchpad/minutes: spectrogram -> conv net -> speaker)"""
import sys, numpy as np, torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(7)
g = np.random.default_rng(7)
FORM, LOGDIR = sys.argv[1:3]
SPEAKERS, F_, T_ = 12, 32, 20

voices = [dict(f0=g.uniform(2.5, 6), form=np.sort(g.uniform(4, 28, 3)), w=g.uniform(1.5, 3, 3), tilt=g.uniform(.01, .05)) for _ in range(SPEAKERS)]

def clip(s):
    v = voices[s]; f = np.arange(F_)[:, None]
    shift = g.normal(0, .5)
    env = sum(a * np.exp(-((f - c - shift) / w) ** 2) for a, c, w in zip(g.uniform(.7, 1.3, 3), v["form"], v["w"]))
    pitch = v["f0"] + .4 * np.cumsum(g.normal(0, .2, T_))[None]
    harm = .5 + .5 * np.cos(2 * np.pi * f / pitch)
    on = (np.sin(np.arange(T_) * g.uniform(.4, .9) + g.uniform(0, 6)) > -.5)[None]
    return (env * harm * np.exp(-v["tilt"] * f) * on + g.normal(0, .22, (F_, T_))).astype(np.float32)

def dataset(n):
    y = g.integers(0, SPEAKERS, n)
    return torch.tensor(np.stack([clip(s) for s in y]))[:, None], torch.tensor(y)

Xtr, ytr = dataset(2400); Xva, yva = dataset(600)
m, sd = Xtr.mean(), Xtr.std()
Xtr, Xva = (Xtr - m) / sd, (Xva - m) / sd


class BasicSpectro(nn.Sequential):
    def __init__(self):
        act = nn.Softmax(dim=1) if FORM == "faulty" else nn.ReLU()
        super().__init__(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(.25),
            nn.Linear(32 * 8 * 5, 128), act,             # second to last layer
            nn.Linear(128, SPEAKERS))


model = BasicSpectro()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=float(sys.argv[3]) if len(sys.argv) > 3 else 1e-3)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion)
EPOCHS, BS = 10, 32
for epoch in range(EPOCHS):
    model.train()
    order = torch.randperm(len(ytr))
    for i in range(0, len(order), BS):
        idx = order[i:i + BS]
        optimizer.zero_grad()
        l = criterion(model(Xtr[idx]), ytr[idx])
        l.backward()
        optimizer.step()
    model.eval()
    with writer.evaluating("val"):
        out = model(Xva)
        vloss, vacc = criterion(out, yva).item(), (out.argmax(1) == yva).float().mean().item()
    print(f"epoch {epoch + 1}: {l.item():.3f} val {vloss:.3f} acc {vacc:.3f}")
writer.close()
print(f"RESULT val loss {vloss:.3f} acc {vacc:.3f}")
