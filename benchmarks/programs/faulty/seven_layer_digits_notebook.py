# %% [markdown]
# # A "deep" convnet on the 8x8 digits
# Ported from my notebook. Six convolution layers, then a linear read-out.
# %%
import sys
import torch, torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0)
act = nn.Sigmoid if sys.argv[1] == "faulty" else nn.ReLU

# %%
d = load_digits()
x = torch.tensor(d.images / 16.0, dtype=torch.float32).unsqueeze(1)
x = (x - x.mean()) / x.std()
y = torch.tensor(d.target)
xa, xb, ya, yb = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
train_dl = DataLoader(TensorDataset(xa, ya), batch_size=32, shuffle=True)
test_dl = DataLoader(TensorDataset(xb, yb), batch_size=128)

# %%
def block(i, o):
    return [nn.Conv2d(i, o, 3, padding=1), act()]

layers = block(1, 16)
for _ in range(2):
    layers += block(16, 16)
layers += [nn.MaxPool2d(2)] + block(16, 32)
for _ in range(2):
    layers += block(32, 32)
layers += [nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 4, 10)]
net = nn.Sequential(*layers)

# %%
loss_fn = nn.CrossEntropyLoss()
optim = torch.optim.Adam(net.parameters(), lr=1e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optim, 15)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optim, loss_fn)
for epoch in range(15):
    net.train()
    for xi, yi in train_dl:
        optim.zero_grad()
        l = loss_fn(net(xi), yi)
        l.backward()
        optim.step()
    sched.step()
    good = 0
    with writer.evaluating("test"):
        for xi, yi in test_dl:
            o = net(xi)
            loss_fn(o, yi)
            good += (o.argmax(1) == yi).sum().item()
    print(epoch, round(l.item(), 4), good / len(yb))
writer.close()
print("RESULT test_accuracy", round(good / len(yb), 4))
