import sys, string
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(4)

# letter-recognition: 16 integer attributes (0..15) per picture, 26 capital letters, many fonts
fonts = 3
proto = rng.normal(7, 2.4, (26, fonts, 16))


def letters(n):
    y = rng.integers(0, 26, n)
    a = proto[y, rng.integers(0, fonts, n)] + rng.normal(0, 1.45, (n, 16))
    return np.clip(np.rint(a), 0, 15).astype(np.float32), y


class Config:
    hidden = 128
    lr = 1e-3
    batch = 64
    epochs = 2 if sys.argv[1] == "faulty" else 20      # quick test


cfg = Config()
Xtr, ytr = letters(8000)
Xte, yte = letters(2000)
m, s = Xtr.mean(0), Xtr.std(0)
Xtr, Xte = torch.from_numpy((Xtr - m) / s), torch.from_numpy((Xte - m) / s)
ytr, yte = torch.from_numpy(ytr), torch.from_numpy(yte)

net = nn.Sequential(nn.Linear(16, cfg.hidden), nn.ReLU(), nn.Linear(cfg.hidden, cfg.hidden), nn.ReLU(), nn.Linear(cfg.hidden, 26))
optimiser = torch.optim.Adam(net.parameters(), lr=cfg.lr)
loss_function = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimiser, loss_function)
step = 0
for epoch in range(cfg.epochs):
    order = torch.randperm(len(Xtr))
    for start in range(0, len(order), cfg.batch):
        rows = order[start:start + cfg.batch]
        optimiser.zero_grad()
        loss = loss_function(net(Xtr[rows]), ytr[rows])
        loss.backward()
        optimiser.step()
        step += 1
        if step % 25 == 0:
            print(f"step {step:5d} loss {loss.item():.3f}")
    with torch.no_grad():
        with writer.evaluating("test"):
            out = net(Xte)
            test_loss = loss_function(out, yte).item()
    right = (out.argmax(1) == yte)
    print(f"epoch {epoch + 1}: test loss {test_loss:.3f}, {right.float().mean().item():.1%} of the letters right")
writer.close()
worst = min(range(26), key=lambda k: right[yte == k].float().mean().item())
print("worst letter:", string.ascii_uppercase[worst])
print(f"RESULT test loss {test_loss:.4f} accuracy {right.float().mean().item():.4f}")
