"""Mean teacher, semi-supervised: 100 labelled digits, the rest unlabelled; EMA teacher, consistency ramp-up."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter


def create_model(ema=False):
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.LeakyReLU(0.1), nn.Conv2d(32, 32, 3, padding=1), nn.LeakyReLU(0.1), nn.MaxPool2d(2), nn.Dropout(0.3),
        nn.Conv2d(32, 64, 3, padding=1), nn.LeakyReLU(0.1), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(256, 10))
    if ema:
        for param in model.parameters():
            param.detach_()
    return model


def update_ema_variables(model, ema_model, alpha, global_step):
    alpha = min(1 - 1 / (global_step + 1), alpha)
    for ema_param, param in zip(ema_model.parameters(), model.parameters()):
        ema_param.data.mul_(alpha).add_(param.data, alpha=1 - alpha)


def sigmoid_rampup(current, length):
    current = np.clip(current, 0.0, length)
    return float(np.exp(-5.0 * (1.0 - current / length) ** 2))


def augment(x):
    dy, dx = torch.randint(0, 3, (2,)).tolist()
    return F.pad(x, (1, 1, 1, 1))[:, :, dy : dy + 8, dx : dx + 8] + 0.15 * torch.randn_like(x)


torch.set_num_threads(1)
torch.manual_seed(5)
d = load_digits()
x = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 8 - 0.61
y = torch.tensor(d.target)
perm = torch.randperm(len(y))
x, y = x[perm], y[perm]
xl, yl, xu, xt, yt = x[:100], y[:100], x[:1300], x[1300:], y[1300:]
model, ema_model = create_model(), create_model(ema=True)
ema_model.load_state_dict(model.state_dict())
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
steps, rampup = 1200, 300
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
for step in range(steps):
    il, iu = torch.randint(0, 100, (24,)), torch.randint(0, 1300, (40,))
    batch = torch.cat([xl[il], xu[iu]])
    out = model(augment(batch))
    with torch.no_grad():
        ema_out = ema_model(augment(batch))
    class_loss = F.cross_entropy(out[:24], yl[il])
    consistency = F.mse_loss(out.softmax(1), ema_out.softmax(1)) * 10
    weight = 4.0 * sigmoid_rampup(step, rampup)
    loss = class_loss + weight * consistency
    writer.add_loss("train", loss)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    update_ema_variables(model, ema_model, 0.99, step)
writer.close()
model.eval(); ema_model.eval()
with torch.no_grad():
    a, b = (m(xt).argmax(1).eq(yt).float().mean().item() for m in (model, ema_model))
print(f"RESULT loss {loss.item():.4f} class {class_loss.item():.4f}; accuracy student {a:.3f} teacher {b:.3f}")
