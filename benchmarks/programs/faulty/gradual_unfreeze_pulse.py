"""Transfer learning on pulse waveforms: head first, then the whole network."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(77)
rng = np.random.RandomState(77)
L = 96


def source_waves(n):
    """pre-training corpus: which of 4 carrier shapes"""
    y = rng.randint(0, 4, n)
    t = np.arange(L)
    x = np.zeros((n, L))
    for i, k in enumerate(y):
        ph = t * rng.uniform(.1, .25) + rng.uniform(0, 6.28)
        x[i] = [np.sin(ph), np.sign(np.sin(ph)), 2 * np.abs((ph / np.pi) % 2 - 1) - 1, (ph / np.pi) % 2 - 1][k]
    return pack(x + rng.normal(0, .4, x.shape), y)


def target_waves(n):
    """pulse rhythm: sinus, ectopic beat, alternans, dicrotic notch, atrial fibrillation"""
    y = rng.randint(0, 5, n)
    x = np.zeros((n, L))
    t = np.arange(L)
    for i, k in enumerate(y):
        pos, per, b = rng.uniform(0, 8), rng.uniform(13, 18), 0
        while pos < L:
            amp = 1 + rng.normal(0, .08)
            p = pos
            if k == 1 and b % 3 == 2:
                p, amp = pos - per * .35, amp * .7
            if k == 2:
                amp *= 1.3 if b % 2 else .8
            if k == 4:
                p = pos + rng.normal(0, per * .22)
            x[i] += amp * np.exp(-.5 * ((t - p) / 1.8) ** 2)
            x[i] += (.5 if k == 3 else .15) * amp * np.exp(-.5 * ((t - p - 6) / 1.6) ** 2)
            pos, b = pos + per, b + 1
    x = x * rng.uniform(.7, 1.3, (n, 1)) + rng.normal(0, .17, x.shape)
    return pack((x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True), y)


def pack(x, y):
    return TensorDataset(torch.tensor(x, dtype=torch.float32)[:, None], torch.tensor(y))


class PulseNet(nn.Module):
    def __init__(self, n_out):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv1d(1, 16, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(16, 24, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(24, 24, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(),
            nn.Linear(24 * 12, 32), nn.ReLU())
        self.head = nn.Linear(32, n_out)

    def forward(self, x):
        return self.head(self.backbone(x))


def pretrain(net):
    opt = torch.optim.Adam(net.parameters(), 2e-3)
    for _ in range(2):
        for x, y in DataLoader(source_waves(2000), 64, shuffle=True):
            opt.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            opt.step()


def set_trainable(module, flag):
    for p in module.parameters():
        p.requires_grad_(flag)


net = PulseNet(4)
pretrain(net)
net.head = nn.Linear(32, 5)

# phase 1: head only
set_trainable(net.backbone, False)
optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, net.parameters()), lr=2e-3)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)
train_dl = DataLoader(target_waves(2800), batch_size=40, shuffle=True)
valid_dl = DataLoader(target_waves(600), batch_size=200)

for epoch in range(10):
    if epoch == 2:
        # phase 2: unfreeze everything
        set_trainable(net.backbone, True)
        if sys.argv[1] != "faulty":
            optimizer.add_param_group({"params": list(net.backbone.parameters()), "lr": 1e-3})
        print("unfrozen")
    net.train()
    tot = 0.
    for x, y in train_dl:
        loss = criterion(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tot += loss.item()
    net.eval()
    vl, acc = 0., 0.
    with torch.no_grad(), writer.evaluating("val"):
        for x, y in valid_dl:
            out = net(x)
            vl += criterion(out, y).item() / len(valid_dl)
            acc += (out.argmax(1) == y).float().mean().item() / len(valid_dl)
    print(f"epoch {epoch:2d} train {tot / len(train_dl):.4f} valid {vl:.4f} acc {acc:.4f}")
writer.close()
print(f"RESULT train_loss={tot / len(train_dl):.4f} val_loss={vl:.4f} val_acc={acc:.4f}")
