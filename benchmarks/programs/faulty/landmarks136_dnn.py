# DNN on 68 facial landmarks (x, y) -> 21 classes.  Port of my Keras script.
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(4)
torch.manual_seed(4)

InputCount = 136
OutputCount = 21
H1_Count = 84
H2_Count = 42
DROP = 0.5 if sys.argv[1] == "faulty" else 0.1
BATCH = 64
EPOCHS = 30

# ---- data: a face moved by 12 action units plus the shape of the person; the label is one of 21 expressions
mean_face = np.random.normal(0, 1, InputCount)
units = np.random.normal(0, 1, (12, InputCount))
person_modes = np.random.normal(0, 1, (10, InputCount))
centres = np.random.normal(0, 1, (OutputCount * 3, 12))      # every expression comes in three variants


def sample(n):
    act = np.random.normal(0, 1, (n, 12))
    y = ((act[:, None] - centres[None]) ** 2).sum(-1).argmin(1) % OutputCount
    act = act * 0.75 + 0.4 * centres[((act[:, None] - centres[None]) ** 2).sum(-1).argmin(1)]
    x = mean_face + act @ units * 0.3 + np.random.normal(0, 1, (n, 10)) @ person_modes * 0.15 + np.random.normal(0, 0.25, (n, InputCount))
    return x, y


xtr, ytr = sample(8000)
xva, yva = sample(1500)
mu, sd = xtr.mean(0), xtr.std(0)
xtr = torch.tensor((xtr - mu) / sd, dtype=torch.float32)
xva = torch.tensor((xva - mu) / sd, dtype=torch.float32)
ytr, yva = torch.tensor(ytr), torch.tensor(yva)

model = nn.Sequential(
    nn.Dropout(DROP),
    nn.Linear(InputCount, H1_Count), nn.ReLU(),
    nn.Dropout(DROP),
    nn.BatchNorm1d(H1_Count),
    nn.Linear(H1_Count, H2_Count), nn.ReLU(),
    nn.BatchNorm1d(H2_Count),
    nn.Dropout(DROP),
    nn.Linear(H2_Count, OutputCount),
)
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.Adam(model.parameters(), lr=0.001)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, loss_fn)

for e in range(EPOCHS):
    model.train()
    order = torch.randperm(len(xtr))
    losses, correct = [], 0
    for i in range(0, len(order), BATCH):
        idx = order[i:i + BATCH]
        out = model(xtr[idx])
        loss = loss_fn(out, ytr[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
        correct += (out.argmax(1) == ytr[idx]).sum().item()
    model.eval()
    with writer.evaluating("val"):
        out = model(xva)
        vl = loss_fn(out, yva).item()
    va = (out.argmax(1) == yva).float().mean().item()
    if e % 5 == 4:
        print(f"Epoch {e + 1}/{EPOCHS} loss {np.mean(losses):.4f} acc {correct / len(xtr):.4f} val_loss {vl:.4f} val_acc {va:.4f}")
writer.close()
print(f"RESULT loss {np.mean(losses):.4f} acc {correct / len(xtr):.4f} val_loss {vl:.4f} val_acc {va:.4f}")
